import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiChat } from "../codecs/openai-chat/index.ts";
import { failure, failures } from "../kernel/failure.ts";
import type { Failure, FailureKind } from "../kernel/failure.ts";
import { errorAnswer, summarize } from "./error-answer.ts";
import { byName } from "./support.test.ts";

const limited = (retryAfter?: number): Failure =>
  failure("rate-limited", "limited", retryAfter === undefined ? {} : { retryAfter });
const plain = (kind: FailureKind): Failure => failure(kind, kind);

const summaries: readonly (readonly [
  name: string,
  attempts: readonly Failure[],
  kind: FailureKind,
  retryAfter?: number,
])[] = [
  ["one failure", [plain("unreachable")], "unreachable"],
  ["two failures: the last", [plain("unreachable"), plain("upstream-error")], "upstream-error"],
  ["what the client can mend goes first", [plain("context-overflow"), plain("unreachable")], "context-overflow"],
  ["limits everywhere: the shortest wait", [limited(9000), limited(2000), limited(5000)], "rate-limited", 2000],
  ["a limit of unknown length is no short one", [limited(), limited(2000)], "rate-limited", 2000],
  [
    "overloaded and limited is limited",
    [failure("overloaded", "x", { retryAfter: 1000 }), limited(5000)],
    "rate-limited",
    1000,
  ],
  [
    "overloaded everywhere",
    [plain("overloaded"), failure("overloaded", "x", { retryAfter: 3000 })],
    "overloaded",
    3000,
  ],
  ["a limit and something else: the last", [limited(9000), plain("upstream-error")], "upstream-error"],
];
for (const [name, attempts, kind, retryAfter] of summaries) {
  test(name, () => {
    const told = summarize(attempts);
    assert.deepEqual([told?.kind, told?.retryAfter], [kind, retryAfter]);
  });
}

test("nothing failed: nothing to tell", () => assert.equal(summarize([]), undefined));

for (const kind of Object.keys(failures) as FailureKind[]) {
  test(`${kind} is an answer with its status, and says whether to try again`, () => {
    const { status, headers, body } = errorAnswer(openaiChat.ingress, plain(kind));
    const named = byName(headers);
    assert.equal(status, failures[kind].status);
    assert.equal(named.get("content-length"), String(body.length));
    const parsed = JSON.parse(body.toString()) as { error: { message: string } };
    assert.equal(parsed.error.message, kind);
    // Clients wait a time of their own, or none at all, without it.
    assert.equal(named.has("retry-after"), status === 429 || status === 503);
    if (failures[kind].blame === "client" && !failures[kind].again) {
      assert.equal(named.get("x-should-retry"), "false");
    }
  });
}

test("waits are whole seconds, rounded up, and one at least", () => {
  const told = (retryAfter: number) =>
    byName(errorAnswer(openaiChat.ingress, limited(retryAfter)).headers).get("retry-after");
  assert.deepEqual([0, 1, 1000, 1001, 60_000].map(told), ["1", "1", "1", "2", "60"]);
});
