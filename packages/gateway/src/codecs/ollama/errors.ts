import type { Failure, FailureKind } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { objectOf, parseObject } from "../shared/json.ts";
import { errorInside, readError as readAnyError } from "../shared/openai-error-read.ts";

/** Ollama's own words (server/routes.go, server/sched.go, llm/server.go), for what the status does not tell. */
const meanings: readonly (readonly [words: RegExp, kind: FailureKind])[] = [
  // A prompt that does not fit, where `truncate` or `shift` are off.
  [/longer than the context length|exceeds? the context length/i, "context-overflow"],
  [/server busy|maximum pending requests exceeded/i, "overloaded"],
];

/** Kinds that say no more than that something went wrong. */
const vague = new Set<FailureKind>(["bad-request", "upstream-error"]);

/** The meaning of an error answer. `status` 0 stands for an error in a stream that had begun. */
export function readError(status: number, body: Json | undefined): Failure {
  const read = readAnyError(status, unwrapped(body));
  const meaning = vague.has(read.kind) ? meanings.find(([words]) => words.test(read.message)) : undefined;
  return meaning === undefined ? read : { ...read, kind: meaning[1] };
}

/** The error inside a line, or a whole answer, of status 200; undefined if there is none. */
export function errorIn(answer: JsonObject): Failure | undefined {
  return errorInside(answer) === undefined ? undefined : readError(0, answer);
}

/** Ollama passes on the errors of what runs its models as text, which may be JSON of its own. */
function unwrapped(body: Json | undefined): Json | undefined {
  const text = objectOf(body)?.["error"];
  if (typeof text !== "string" || !text.startsWith("{")) return body;
  const inner = parseObject(text);
  return isJsonObject(inner) && isJsonObject(inner["error"]) ? inner : body;
}

/** An error body: clients read `error`; `code` is our own kind of failure. */
export function writeError(failure: Failure): JsonObject {
  return { error: failure.message, code: failure.kind };
}

/** The line that ends a stream in failure. Every measured client throws on a line that has an `error`. */
export function writeStreamError(failure: Failure): string {
  return `${JSON.stringify(writeError(failure))}\n`;
}
