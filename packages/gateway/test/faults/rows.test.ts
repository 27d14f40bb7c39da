import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { rows } from "./rows.ts";

const text = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");

for (const { row, fault, promise, shownBy } of rows) {
  test(`${row}: ${fault}: ${promise}`, () => {
    assert.ok(shownBy.length > 0);
    for (const [file, title] of shownBy) assert.ok(text(file).includes(title), `${file} has no test of '${title}'`);
  });
}
