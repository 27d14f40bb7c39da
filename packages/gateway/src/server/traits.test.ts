import assert from "node:assert/strict";
import { test } from "node:test";
import { scanObject } from "../wire/json-scan.ts";
import { Rope } from "../wire/rope.ts";
import { BodyTraits } from "./traits.ts";

function traits(body: object, headers: { readonly [name: string]: string } = {}): BodyTraits {
  const bytes = Buffer.from(JSON.stringify(body));
  const scan = scanObject(bytes, 64);
  if (!scan.ok) throw new Error(scan.message);
  // In pieces, as bodies come.
  const middle = bytes.length >> 1;
  return new BodyTraits(
    { rope: new Rope([bytes.subarray(0, middle), bytes.subarray(middle)]), object: scan.object },
    headers,
  );
}

const user = (content: unknown) => ({ messages: [{ role: "user", content }] });
const data = "A".repeat(40_000);

/** Which of tools, images and schema a body needs. */
const needs: readonly (readonly [what: string, body: object, needs: string])[] = [
  ["plain text", user("hi"), ""],
  ["text that speaks of all of them", user('"image_url" "tools" "image" "json_schema" {'), ""],
  ["tools", { ...user("hi"), tools: [{ type: "function" }] }, "tools"],
  ["OpenAI's older functions", { ...user("hi"), functions: [{ name: "f" }] }, "tools"],
  ["no tools after all", { ...user("hi"), tools: [], functions: null }, ""],
  ["chat's image", user([{ type: "image_url", image_url: { url: "https://x/y.png" } }]), "images"],
  ["Responses' image", { input: [{ role: "user", content: [{ type: "input_image", image_url: "x" }] }] }, "images"],
  ["Anthropic's image", user([{ type: "image", source: {} }]), "images"],
  ["Gemini's image", { contents: [{ parts: [{ inlineData: { mimeType: "image/png", data: "" } }] }] }, "images"],
  ["Ollama's image", { messages: [{ role: "user", content: "", images: ["AA"] }] }, "images"],
  ["chat's schema", { ...user("hi"), response_format: { type: "json_schema", json_schema: {} } }, "schema"],
  ["JSON of any form", { ...user("hi"), response_format: { type: "json_object" } }, ""],
  ["Responses' schema", { input: "hi", text: { format: { type: "json_schema" } } }, "schema"],
  ["Gemini's schema", { contents: [], generationConfig: { responseJsonSchema: {} } }, "schema"],
  ["Ollama's schema", { messages: [], format: { type: "object" } }, "schema"],
  ["Ollama's JSON of any form", { messages: [], format: "json" }, ""],
];
for (const [what, body, expected] of needs) {
  test(`${what} needs ${expected || "nothing"}`, () => {
    const { tools, images, jsonSchema } = traits(body);
    assert.equal([tools && "tools", images && "images", jsonSchema && "schema"].filter(Boolean).join(" "), expected);
  });
}

/** About how many tokens bodies have, when images are not counted by their length. */
const sizes: readonly (readonly [what: string, body: object, least: number, most: number])[] = [
  ["text", user("word ".repeat(8_000)), 10_000, 10_020],
  ["an image in a URL", user([{ image_url: { url: `data:image/png;base64,${data}` } }]), 1_600, 1_640],
  ["Anthropic's image", user([{ source: { type: "base64", data } }]), 1_600, 1_640],
  ["two images", { contents: [{ parts: [{ inlineData: { data } }, { inlineData: { data } }] }] }, 3_200, 3_240],
  ["a long text in a field called data", { x: { data: "a b ".repeat(10_000) } }, 10_000, 10_010],
  ["short data", { x: { data: "AAAA" } }, 4, 6],
];
for (const [what, body, least, most] of sizes) {
  test(`${what} has from ${least} to ${most} tokens`, () => {
    const { textTokens } = traits(body);
    assert.ok(textTokens >= least && textTokens <= most, String(textTokens));
  });
}

const question = { role: "user", content: "What is a patchbay?" };
const system = { role: "system", content: "Be brief." };
const answer = { role: "assistant", content: "A board." };
const chat = { messages: [system, question] };

/** Bodies that continue a conversation, with the body that began it. */
const continued: readonly (readonly [what: string, first: object, later: object])[] = [
  ["chat", chat, { messages: [system, question, answer, { role: "user", content: "And?" }] }],
  [
    "a client that marks what is to be cached",
    {
      system: "s",
      messages: [{ role: "user", content: [{ type: "text", text: "hi", cache_control: { type: "ephemeral" } }] }],
    },
    { system: [{ type: "text", text: "s" }], messages: [{ role: "user", content: "hi" }, answer] },
  ],
  [
    "Responses",
    { instructions: "s", input: "hi" },
    {
      instructions: "s",
      input: [
        { role: "user", content: "hi" },
        { type: "function_call", name: "f" },
      ],
    },
  ],
  [
    "Gemini",
    { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
    {
      contents: [
        { role: "user", parts: [{ text: "hi" }] },
        { role: "model", parts: [{ text: "yes" }] },
      ],
    },
  ],
];
for (const [what, first, later] of continued) {
  test(`${what}: a conversation is known again when it goes on`, () => {
    const [begun, again] = [traits(first).session, traits(later).session];
    assert.deepEqual([begun?.begun, again?.begun], [false, true]);
    assert.equal(again?.key, begun?.key);
  });
}

test("conversations that open differently, or with other instructions, are others", () => {
  const keys = [chat, { messages: [question] }, { messages: [system, { role: "user", content: "Why?" }] }];
  assert.equal(new Set(keys.map((body) => traits(body).session?.key)).size, 3);
});

test("the client's own word for a conversation goes before its opening", () => {
  const stated = [
    traits(chat, { "x-session-id": "one" }),
    traits({ ...chat, prompt_cache_key: "one" }),
    traits({ ...chat, metadata: { user_id: "one" } }),
    traits({ messages: [] }, { session_id: "one" }),
  ].map(({ session }) => session);
  assert.equal(new Set(stated.map((session) => session?.key)).size, 1);
  assert.ok(stated.every((session) => session?.begun === true));
  assert.notEqual(traits({ ...chat, metadata: { user_id: 5 }, prompt_cache_key: "" }).session?.key, stated[0]?.key);
});

test("a request without a conversation belongs to none", () => {
  assert.equal(traits({ model: "m", prompt: "x" }).session, undefined);
});
