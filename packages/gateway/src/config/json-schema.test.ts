import assert from "node:assert/strict";
import { test } from "node:test";
import { isJsonObject, own } from "../kernel/json.ts";
import { jsonSchema } from "./json-schema.ts";

test("the JSON Schema knows the endpoint types, refuses unknown keys, and states defaults as one writes them", () => {
  const text = JSON.stringify(jsonSchema(["first", "second"]));
  assert.match(text, /"enum":\["first","second"\]/);
  assert.match(text, /"default":"10m"/);
  assert.match(text, /"default":"50MB"/);
  const objects = text.match(/"properties":/g)?.length ?? 0;
  assert.equal(text.match(/"additionalProperties":false/g)?.length, objects);
});

test("every setting of the JSON Schema is described", () => {
  const silent: string[] = [];
  const visit = (value: unknown, path: string): void => {
    if (!isJsonObject(value)) return;
    const settings = own(value, "properties");
    for (const [name, setting] of Object.entries(isJsonObject(settings) ? settings : {})) {
      const place = `${path}.${name}`;
      const isSection = isJsonObject(setting) && (own(setting, "properties") ?? own(setting, "items")) !== undefined;
      if (isJsonObject(setting) && own(setting, "description") === undefined && !isSection) silent.push(place);
      visit(setting, place);
    }
    for (const keyword of ["items", "anyOf"]) visitAll(own(value, keyword), path);
  };
  const visitAll = (value: unknown, path: string): void => {
    for (const item of Array.isArray(value) ? value : [value]) visit(item, path);
  };
  visit(jsonSchema(["x"]), "");
  assert.deepEqual(silent, []);
});

test("a model of an endpoint may be a text in the JSON Schema too", () => {
  assert.match(
    JSON.stringify(jsonSchema(["x"])),
    /"items":\{"anyOf":\[\{"type":"string","minLength":1\},\{"type":"object"/,
  );
});
