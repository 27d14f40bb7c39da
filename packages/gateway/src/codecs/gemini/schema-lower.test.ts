import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { lowerParameters, lowerSchema } from "./schema-lower.ts";

const cases: readonly { name: string; schema: JsonObject; lowered: JsonObject }[] = [
  {
    name: "keywords that are not shared are dropped",
    schema: {
      $schema: "http://json-schema.org/draft-07/schema#",
      $id: "x",
      type: "object",
      properties: { a: { type: "string", minLength: 1, examples: ["b"], contentEncoding: "base64" } },
      patternProperties: { "^x": {} },
      propertyNames: { pattern: "^[a-z]+$" },
      additionalProperties: false,
      not: {},
    },
    lowered: { type: "object", properties: { a: { type: "string", minLength: 1 } }, additionalProperties: false },
  },
  {
    name: "properties named like keywords stay, and so does data",
    schema: {
      type: "object",
      properties: {
        properties: { type: "string" },
        $ref: { type: "string", default: { $ref: "#/nowhere", const: 1 } },
        const: { type: "integer" },
        $schema: { type: "object", properties: { not: { type: "boolean" } } },
        required: { type: "array", items: { type: "string" } },
      },
      required: ["$ref", "const"],
    },
    lowered: {
      type: "object",
      properties: {
        properties: { type: "string" },
        $ref: { type: "string", default: { $ref: "#/nowhere", const: 1 } },
        const: { type: "integer" },
        $schema: { type: "object", properties: { not: { type: "boolean" } } },
        required: { type: "array", items: { type: "string" } },
      },
      required: ["$ref", "const"],
    },
  },
  {
    name: "references are put in place, with what stands beside them",
    schema: {
      type: "object",
      properties: { a: { $ref: "#/$defs/a%20b", description: "mine" }, c: { $ref: "#/definitions/c~1d" } },
      $defs: { "a b": { type: "string", description: "theirs" } },
      definitions: { "c/d": { type: "integer" } },
    },
    lowered: { type: "object", properties: { a: { type: "string", description: "mine" }, c: { type: "integer" } } },
  },
  {
    name: "a reference to nothing says nothing",
    schema: { properties: { a: { $ref: "https://example.com/a.json" }, b: { $ref: "#/$defs/none", title: "b" } } },
    lowered: { properties: { a: {}, b: { title: "b" } } },
  },
  {
    name: "const becomes enum",
    schema: { properties: { a: { const: "x" }, b: { const: 3 }, c: { const: null }, d: { type: "number", const: 1 } } },
    lowered: {
      properties: {
        a: { enum: ["x"], type: "string" },
        b: { enum: [3], type: "integer" },
        c: { enum: [null], type: "null" },
        d: { type: "number", enum: [1] },
      },
    },
  },
  {
    name: "null beside a type",
    schema: { properties: { a: { type: ["string", "null"] }, b: { anyOf: [{ type: "integer" }, { type: "null" }] } } },
    lowered: { properties: { a: { type: ["string", "null"] }, b: { anyOf: [{ type: "integer" }, { type: "null" }] } } },
  },
  {
    name: "several types become a choice",
    schema: { type: ["string", "array", "null"], items: { type: "string" }, maxLength: 3, description: "d" },
    lowered: {
      description: "d",
      anyOf: [{ type: "string", maxLength: 3 }, { type: "array", items: { type: "string" } }, { type: "null" }],
    },
  },
  {
    name: "oneOf becomes anyOf",
    schema: { oneOf: [{ const: 1 }, { type: "string" }] },
    lowered: { anyOf: [{ enum: [1], type: "integer" }, { type: "string" }] },
  },
  {
    name: "allOf is merged with what stands beside it",
    schema: {
      description: "outer",
      properties: { a: { type: "string" } },
      required: ["a"],
      allOf: [
        { $ref: "#/$defs/base" },
        { properties: { c: { type: "boolean" } }, required: ["c"], description: "inner" },
      ],
      $defs: { base: { type: "object", properties: { b: { type: "integer" } } } },
    },
    lowered: {
      description: "outer",
      properties: { c: { type: "boolean" }, b: { type: "integer" }, a: { type: "string" } },
      required: ["a", "c"],
      type: "object",
    },
  },
  {
    name: "exclusive limits become plain ones, the old boolean form is dropped",
    schema: {
      properties: {
        a: { type: "integer", exclusiveMinimum: 0, exclusiveMaximum: 10 },
        b: { type: "number", exclusiveMinimum: 0.5 },
        c: { type: "integer", minimum: 1, exclusiveMinimum: true },
      },
    },
    lowered: {
      properties: {
        a: { type: "integer", minimum: 1, maximum: 9 },
        b: { type: "number", minimum: 0.5 },
        c: { type: "integer", minimum: 1 },
      },
    },
  },
  {
    name: "names in required that no property has are left out",
    schema: { type: "object", properties: { a: {} }, required: ["a", "gone"] },
    lowered: { type: "object", properties: { a: {} }, required: ["a"] },
  },
  {
    name: "a tuple in the old form becomes a choice, boolean schemas say nothing",
    schema: { type: "array", items: [{ type: "string" }, true], additionalItems: false },
    lowered: { type: "array", items: { anyOf: [{ type: "string" }, {}] } },
  },
  {
    name: "additionalProperties with a schema is lowered",
    schema: { type: "object", additionalProperties: { const: "x" } },
    lowered: { type: "object", additionalProperties: { enum: ["x"], type: "string" } },
  },
];

for (const { name, schema, lowered } of cases) {
  test(`hard case 18: ${name}`, () => {
    assert.deepEqual(lowerSchema(schema), lowered);
  });
}

test("hard case 18: a recursive reference ends after a few turns", () => {
  const node: JsonObject = {
    type: "object",
    description: "A node.",
    properties: { children: { type: "array", items: { $ref: "#/$defs/node" } } },
  };
  const lowered = JSON.stringify(lowerSchema({ $ref: "#/$defs/node", $defs: { node } }));
  assert.equal(lowered.match(/"children"/g)?.length, 2);
  assert.match(lowered, /"items":\{"type":"object","description":"A node\."\}/);
  assert.doesNotMatch(lowered, /\$ref/);
  assert.doesNotMatch(JSON.stringify(lowerSchema({ type: "object", properties: { self: { $ref: "#" } } })), /\$ref/);
});

test("references that double at each step do not make a schema grow without bound", () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => {
      const next = { $ref: `#/$defs/d${index + 1}` };
      return [`d${index}`, { type: "object", properties: { a: next, b: next } }];
    }),
  );
  const lowered = JSON.stringify(lowerSchema({ $ref: "#/$defs/d0", $defs }));
  assert.ok(lowered.length < 2_000_000, `${lowered.length} bytes`);
});

const roots: readonly { name: string; schema: JsonObject; lowered: JsonObject }[] = [
  { name: "nothing", schema: {}, lowered: { type: "object", properties: {} } },
  { name: "no object", schema: { type: "string", minLength: 1 }, lowered: { type: "object", properties: {} } },
  {
    name: "properties without a type",
    schema: { properties: { a: {} } },
    lowered: { properties: { a: {} }, type: "object" },
  },
  {
    name: "an object that may be null",
    schema: { type: ["object", "null"], properties: { a: {} } },
    lowered: { type: "object", properties: { a: {} } },
  },
  {
    name: "a choice of objects",
    schema: {
      description: "Either.",
      oneOf: [
        { type: "object", properties: { kind: { const: "a" }, x: { type: "integer" } }, required: ["kind", "x"] },
        { type: "object", properties: { kind: { const: "b" }, y: { type: "integer" } }, required: ["kind"] },
      ],
    },
    lowered: {
      description: "Either.",
      type: "object",
      properties: {
        kind: {
          anyOf: [
            { enum: ["a"], type: "string" },
            { enum: ["b"], type: "string" },
          ],
        },
        x: { type: "integer" },
        y: { type: "integer" },
      },
      required: ["kind"],
    },
  },
];

for (const { name, schema, lowered } of roots) {
  test(`hard case 18: the root of a tool's arguments is an object: ${name}`, () => {
    assert.deepEqual(lowerParameters(schema), lowered);
  });
}

const word = fc.constantFrom(
  ..."type properties items anyOf oneOf allOf $ref $defs required enum const not additionalProperties".split(" "),
  "__proto__",
  "exclusiveMinimum",
);
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: "large" },
    fc.constantFrom<Json>(null, true, 1, "object", "string", "#", "#/$defs/a", "#/properties/items"),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.array(fc.tuple(word, tie("tree")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}));

test("any JSON is lowered without a throw, to what stays as it is when it is lowered again", () => {
  fc.assert(
    fc.property(fc.dictionary(word, tree), (schema) => {
      const once = lowerSchema(schema);
      assert.deepEqual(lowerSchema(once), once);
      assert.equal(lowerParameters(schema)["type"], "object");
    }),
    { numRuns: 300 },
  );
});
