import assert from "node:assert/strict";
import { accept, eventsOf as messageEvents } from "../../src/codecs/anthropic-messages/support.test.ts";
import { checkGrammar as checkResponses, eventsOf } from "../../src/codecs/openai-responses/support.test.ts";
import { parseExactObject } from "../../src/codecs/shared/exact.ts";
import { arrayOf, objectOf } from "../../src/codecs/shared/json.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import type { Generating } from "./pipeline.ts";

/** Whether a stream ended well or with its protocol's error. Anything else fails the test. */
export type Ending = "success" | "error";

/** What may come in a stream, in which order, as the strictest clients of each protocol know it. */
export const grammars: { readonly [P in Generating]: (stream: string) => Ending } = {
  "openai-chat": (stream) => checkChunks(stream, checkChatChoices),
  "openai-completions": (stream) => checkChunks(stream, checkCompletionChoices),
  "openai-responses": (stream) => {
    const events = eventsOf(stream);
    // A stream that fails before it began is only its error.
    if (events[0]?.["type"] === "error") return only(events, "error");
    checkResponses(events);
    return events.at(-1)?.["type"] === "response.failed" ? "error" : "success";
  },
  "anthropic-messages": (stream) => (accept(messageEvents(stream)) === undefined ? "error" : "success"),
  gemini: checkGemini,
  ollama: (stream) => checkLines(stream, checkChatLine),
  "ollama-generate": (stream) => checkLines(stream, checkGenerateLine),
};

function only(events: readonly JsonObject[], ending: Ending): Ending {
  assert.equal(events.length, 1);
  return ending;
}

/** The data of each event of a stream whose events have no names. */
function dataOf(stream: string): readonly string[] {
  return stream.split(/\r?\n\r?\n/).flatMap((event) => {
    if (event === "") return [];
    assert.match(event, /^data: [^\r\n]*$/);
    return [event.slice("data: ".length)];
  });
}

function bodyOf(data: string): JsonObject {
  return parseExactObject(data) ?? assert.fail(`${data} is no JSON object.`);
}

interface Choice {
  finished: boolean;
  readonly calls: Map<Json | undefined, string>;
}
type CheckChoice = (choice: JsonObject, state: Choice, isFirst: boolean) => void;

/** OpenAI's chunks: choices, each with one finish, then at most one usage, then `[DONE]`; or an error and no more. */
function checkChunks(stream: string, check: CheckChoice): Ending {
  const data = dataOf(stream);
  const choices = new Map<Json | undefined, Choice>();
  let usages = 0;
  for (const [index, each] of data.entries()) {
    const isLast = index === data.length - 1;
    if (each === "[DONE]") {
      assert.ok(isLast);
      break;
    }
    const chunk = bodyOf(each);
    if (chunk["error"] !== undefined) {
      assert.ok(isLast, "Something follows the error.");
      return "error";
    }
    for (const name of ["id", "object", "created", "model", "choices"]) assert.ok(name in chunk, name);
    const list = arrayOf(chunk["choices"]);
    assert.ok(list.length > 0 || chunk["usage"] !== undefined);
    if (list.length === 0) usages++;
    for (const item of list) {
      assert.equal(usages, 0, "A choice follows the usage.");
      const choice = objectOf(item) ?? assert.fail("A choice is no object.");
      assert.equal(typeof choice["index"], "number");
      const known = choices.get(choice["index"]);
      const state = known ?? { finished: false, calls: new Map() };
      choices.set(choice["index"], state);
      assert.equal(state.finished, false, "A choice goes on after its finish.");
      check(choice, state, known === undefined);
      state.finished = choice["finish_reason"] !== null;
      if (choice["finish_reason"] === "tool_calls") assert.ok(state.calls.size > 0);
    }
  }
  assert.equal(data.at(-1), "[DONE]");
  assert.ok(usages <= 1);
  assert.ok(choices.size > 0 && [...choices.values()].every(({ finished }) => finished));
  return "success";
}

function checkChatChoices(choice: JsonObject, { calls }: Choice, isFirst: boolean): void {
  const delta = objectOf(choice["delta"]) ?? assert.fail("A choice has no delta.");
  assert.equal("role" in delta, isFirst);
  for (const item of arrayOf(delta["tool_calls"])) {
    const call = objectOf(item) ?? assert.fail("A call is no object.");
    const called = objectOf(call["function"]) ?? objectOf(call["custom"]) ?? {};
    const id = calls.get(call["index"]);
    if (id === undefined) {
      assert.equal(call["index"], calls.size);
      assert.ok(typeof call["id"] === "string" && call["id"] !== "" && typeof call["type"] === "string");
      assert.ok(![...calls.values()].includes(call["id"]), "Two calls have one id.");
      assert.ok(typeof called["name"] === "string" && called["name"] !== "");
      calls.set(call["index"], call["id"]);
    } else assert.ok(call["id"] === undefined && called["name"] === undefined, "A call is begun twice.");
  }
}

function checkCompletionChoices(choice: JsonObject): void {
  assert.equal(typeof choice["text"], "string");
}

/** Gemini's stream: candidates, each of whose last one has a finish reason; or an error and no more. */
function checkGemini(stream: string): Ending {
  const bodies = dataOf(stream).map(bodyOf);
  const finished = new Map<Json, boolean>();
  for (const [index, body] of bodies.entries()) {
    if (body["error"] !== undefined) {
      assert.equal(index, bodies.length - 1);
      assert.equal(typeof objectOf(body["error"])?.["code"], "number");
      return "error";
    }
    for (const item of arrayOf(body["candidates"])) {
      const candidate = objectOf(item) ?? assert.fail("A candidate is no object.");
      const number = candidate["index"] ?? 0;
      assert.notEqual(finished.get(number), true, "A candidate goes on after its finish.");
      for (const part of arrayOf(objectOf(candidate["content"])?.["parts"])) {
        const { functionCall } = objectOf(part) ?? {};
        if (functionCall === undefined) continue;
        const { name, args = {} } = objectOf(functionCall) ?? {};
        assert.ok(typeof name === "string" && name !== "" && objectOf(args) !== undefined);
      }
      finished.set(number, typeof candidate["finishReason"] === "string");
    }
  }
  assert.ok(finished.size > 0 && [...finished.values()].every((each) => each), "A candidate has no finish.");
  return "success";
}

/** Ollama's lines: each but the last is not done; or an error and no more. */
function checkLines(stream: string, check: (body: JsonObject) => void): Ending {
  const lines = stream.split("\n");
  assert.equal(lines.pop(), "");
  for (const [index, each] of lines.entries()) {
    const body = bodyOf(each);
    const isLast = index === lines.length - 1;
    if (body["error"] !== undefined) {
      assert.ok(isLast && typeof body["error"] === "string");
      return "error";
    }
    assert.equal(body["done"], isLast);
    assert.ok(!Number.isNaN(Date.parse(String(body["created_at"]))) && typeof body["model"] === "string");
    if (isLast) assert.equal(typeof body["done_reason"], "string");
    check(body);
  }
  assert.ok(lines.length > 0, "The stream is empty.");
  return "success";
}

function checkChatLine(body: JsonObject): void {
  const message = objectOf(body["message"]) ?? assert.fail("A line has no message.");
  assert.ok(message["role"] === "assistant" && typeof message["content"] === "string");
  for (const call of arrayOf(message["tool_calls"])) {
    const called = objectOf(objectOf(call)?.["function"]) ?? assert.fail("A call has no function.");
    assert.ok(typeof called["name"] === "string" && objectOf(called["arguments"]) !== undefined);
  }
}

function checkGenerateLine(body: JsonObject): void {
  assert.equal(typeof body["response"], "string");
}
