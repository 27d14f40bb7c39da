import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { count, moment, plain, table } from "./text.ts";

test("columns are as wide as their widest cell, and lines end where their text ends", () => {
  assert.deepEqual(
    table([
      ["A", "LONG"],
      ["wide one", "x"],
      ["b", ""],
    ]),
    ["A         LONG", "wide one  x", "b"],
  );
  assert.deepEqual(table([]), []);
});

test("no text can make a terminal obey", () => {
  assert.equal(plain("a\u001b[2Jb\rc\u202ed"), "a?[2Jb?c?d");
  fc.assert(
    fc.property(fc.array(fc.array(fc.string({ unit: "binary" }))), (rows) => {
      assert.doesNotMatch(table(rows).join(""), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

test("numbers agree with their nouns", () => {
  assert.deepEqual(
    [0, 1, 2].map((number) => count(number, "key")),
    ["0 keys", "1 key", "2 keys"],
  );
});

test("moments are in UTC, to the second", () => assert.equal(moment(1_800_000_000_999), "2027-01-15T08:00:00Z"));
