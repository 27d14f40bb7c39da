import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import { withProperties } from "./object-properties.ts";

test("every object's schema gets properties, and data stay data", () => {
  assert.deepEqual(
    withProperties({
      type: "object",
      properties: { type: { type: "string", enum: ["object"] }, list: { type: "array", items: { type: "object" } } },
      anyOf: [{ type: "object" }, { type: "string" }],
      default: { type: "object" },
    }),
    {
      type: "object",
      properties: {
        type: { type: "string", enum: ["object"] },
        list: { type: "array", items: { type: "object", properties: {} } },
      },
      anyOf: [{ type: "object", properties: {} }, { type: "string" }],
      default: { type: "object" },
    },
  );
});

test("a schema that lacks nothing is the same object, however deep", () => {
  const whole = { type: "object", properties: { a: { type: "object", properties: {} } } };
  assert.equal(withProperties(whole), whole);
  let deep: JsonObject = { type: "object" };
  for (let depth = 0; depth < 20_000; depth++) deep = { type: "object", properties: { a: deep } };
  assert.equal(withProperties(deep), deep);
});
