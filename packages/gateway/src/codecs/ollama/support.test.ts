/** What the tests of Ollama's codecs share. It holds no test of its own; its name keeps it out of the build. */
import assert from "node:assert/strict";
import type { AnswerContext, Codec, Dialect, RequestView } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { CanonicalRequest, GenerationRequest } from "../../kernel/request.ts";
import { parseExactObject } from "../shared/exact.ts";
import { context as contextOf, run } from "../shared/support.test.ts";

export const dialect: Dialect = { streamUsage: true, developerRole: true };

/** A body as the relay parses it. */
export function bodyOf(text: string): JsonObject {
  return parseExactObject(text) ?? assert.fail("The text is no JSON object.");
}

export function read(codec: Codec, body: JsonObject): CanonicalRequest {
  const result = codec.ingress.readRequest(body, { model: "m", stream: codec.streamsByDefault });
  return result.ok ? result.value.request : assert.fail(result.failure.message);
}

export function readGeneration(codec: Codec, body: JsonObject): GenerationRequest {
  const request = read(codec, body);
  return request.operation === "generate" ? request : assert.fail("This is no generation.");
}

export function refusal(codec: Codec, body: JsonObject): Failure {
  const result = codec.ingress.readRequest(body, { model: "m", stream: true });
  return result.ok ? assert.fail("It was accepted.") : result.failure;
}

export function view(body: JsonObject): RequestView {
  return {
    field: (name) => body[name],
    roles: new Set(),
    contains: (text) => JSON.stringify(body).includes(text),
  };
}

/** The context of an answer, which notes the fields that were lost. */
export function listening(request: JsonObject = {}): { readonly context: AnswerContext; readonly lost: string[] } {
  const lost: string[] = [];
  return { lost, context: contextOf(request, ({ field }) => void lost.push(field)) };
}

/** The lines that a codec's encoder writes. */
export function linesOf(codec: Codec, events: readonly AnswerEvent[], context = listening().context): JsonObject[] {
  const text = run(codec.ingress.streamEncoder(context), events).join("");
  assert.ok(text === "" || text.endsWith("\n"));
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => bodyOf(line));
}

export function typesOf(events: readonly AnswerEvent[]): string[] {
  return events.map(({ type }) => type);
}
