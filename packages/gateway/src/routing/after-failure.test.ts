import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../kernel/failure.ts";
import type { FailureKind } from "../kernel/failure.ts";
import { afterFailure } from "./after-failure.ts";
import type { PlannedAttempt } from "./types.ts";

/** As `name:window`, the window in thousands of tokens. */
function targets(text: string): readonly PlannedAttempt[] {
  return text.split(" ").flatMap((each): PlannedAttempt[] => {
    const [name = "", size] = each.split(":");
    const contextWindow = size === undefined ? undefined : Number(size);
    return name === "" ? [] : [{ endpoint: name, model: "m", reason: "", wait: 0, contextWindow }];
  });
}

const rows: readonly (readonly [
  FailureKind,
  failed: string,
  queue: string,
  spare: string,
  left: number,
  next: string,
])[] = [
  ["overloaded", "a:8", "b:4 c:32", "d:64", 2, "b c"],
  ["context-overflow", "a:8", "b:8 c:32 d:4 e:128", "", 4, "e c"],
  ["context-overflow", "a:8", "b:8 c", "d:64", 2, "d c"],
  ["context-overflow", "a:8", "b c:32", "d:64", 1, "d"],
  ["context-overflow", "a", "b c:32", "d:64", 3, "d c b"],
  ["context-overflow", "a:8", "b:8", "c:4", 1, ""],
  ["context-overflow", "a:8", "", "c:64", 0, ""],
];
for (const [kind, failed, queue, spare, left, next] of rows) {
  test(`after ${kind} at ${failed}, of ${queue} and ${spare || "nothing"}: ${next || "nobody"}`, () => {
    const [first] = targets(failed);
    assert.ok(first !== undefined);
    const rest = afterFailure(failure(kind, ""), first, { queue: targets(queue), spare: targets(spare), left });
    assert.equal(rest.map(({ endpoint }) => endpoint).join(" "), next);
  });
}
