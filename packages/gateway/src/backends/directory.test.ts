import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonOf } from "./directory.ts";
import { ModelListError } from "./http/driver.ts";

const cases: readonly (readonly [title: string, error: unknown, reason: string])[] = [
  ["a time limit, whose legacy code is a number", new DOMException("aborted", "TimeoutError"), "no answer in time"],
  [
    "a network error, whose message holds an address",
    Object.assign(new Error("connect ECONNREFUSED 10.0.0.1:80"), { code: "ECONNREFUSED" }),
    "ECONNREFUSED",
  ],
  ["a refusal of the list", new ModelListError("the model list answered 401", 401), "the model list answered 401"],
  ["what is no error", "secret", "unknown"],
];

for (const [title, error, reason] of cases) {
  test(`why a model list could not be had: ${title}`, () => {
    assert.equal(reasonOf(error), reason);
  });
}
