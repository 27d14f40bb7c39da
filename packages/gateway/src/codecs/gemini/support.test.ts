/** What the tests of the Gemini codecs share. It holds no test of its own; its name keeps it out of the build. */
import assert from "node:assert/strict";
import type { Dialect } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";
import { parseExactObject } from "../shared/exact.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { generation } from "../shared/support.test.ts";
import { gemini } from "./index.ts";

export const dialect: Dialect = { streamUsage: true, developerRole: true };

export function read(body: JsonObject, model = "gemini-3-flash"): GenerationRequest {
  const result = gemini.ingress.readRequest(body, { model, stream: false });
  assert.ok(result.ok, JSON.stringify(result));
  assert.equal(result.value.request.operation, "generate");
  return result.value.request as GenerationRequest;
}

export function messagesOf(contents: Json): readonly Message[] {
  return read({ contents }).messages;
}

export function request(fields: Partial<GenerationRequest>): GenerationRequest {
  return generation({ model: "gemini-3-flash", ...fields });
}

/** The body as it goes out, and the fields of its losses. */
export function write(fields: Partial<GenerationRequest>): { readonly body: JsonObject; readonly losses: string[] } {
  const { body, losses } = gemini.egress.writeRequest(request(fields), dialect);
  return {
    body: parseExactObject(JSON.stringify(body)) ?? {},
    losses: losses.map(({ field, reason }) => `${field} ${reason}`),
  };
}

export function contentsOf(messages: readonly Message[], model = "gemini-3-flash"): Json {
  return write({ messages, model }).body["contents"] ?? null;
}

export const text = (value: string): Part => ({ type: "text", text: value });

export function call(id: string, name: string, fields: Partial<Part> = {}): Part {
  return { type: "tool-call", id, name, arguments: "{}", tool: "function", ...fields } as Part;
}

export function result(id: string, content: readonly Part[], fields: Partial<Part> = {}): Part {
  return { type: "tool-result", id, content, ...fields } as Part;
}

/** The data of a stream's events. */
export function dataOf(stream: string): string[] {
  return stream
    .split("\r\n\r\n")
    .filter((event) => event !== "")
    .map((event) => {
      assert.ok(event.startsWith("data: "), event);
      return event.slice("data: ".length);
    });
}

export function chunksOf(stream: string): JsonObject[] {
  return dataOf(stream).map((data): JsonObject => JSON.parse(data));
}

/** The only candidate of a chunk. */
export function candidateOf(chunk: JsonObject | undefined): JsonObject {
  return objectOf(arrayOf(chunk?.["candidates"])[0]) ?? {};
}
