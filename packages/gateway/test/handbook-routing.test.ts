import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseDocument } from "yaml";
import { familyTable } from "../src/routing/families.ts";
import { strategies } from "../src/routing/types.ts";
import { variantsOf } from "../src/routing/variants.ts";
import { runBinary, temporaryDirectory } from "./support/binary.ts";
import { configure } from "./support/house.ts";

const handbook = readFileSync(new URL("../../../docs/routing.md", import.meta.url), "utf8");

/** The cells of every row of a table, by the first cell of its head. */
function tableOf(head: string): readonly (readonly string[])[] {
  const lines = handbook.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  assert.ok(start >= 0, `the handbook has a table of ${head}`);
  const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The words of a text that stand between backticks. */
const marked = (text: string): readonly string[] => [...text.matchAll(/`([^`]+)`/gu)].map(([, word = ""]) => word);

test("the table of families is the one that decides", () => {
  const told = tableOf("words in the name").map(([words = "", tier]) => [marked(words).join(", "), tier]);
  assert.deepEqual(
    told,
    familyTable.map(({ words, tier }) => [words, tier]),
  );
});

test("each word of the table of families is found by its row", () => {
  for (const { words, fits } of familyTable) {
    for (const word of words.split(", ")) assert.ok(fits.test(word), word);
  }
});

test("every strategy has a row", () => {
  const told = tableOf("`strategy`").map(([cell = ""]) => marked(cell)[0]);
  assert.deepEqual(told, [...strategies]);
});

test("everything that is said to be taken off a name is taken off", () => {
  for (const [, examples = ""] of tableOf("what").slice(0, 4)) {
    for (const example of marked(examples)) {
      const name = example.endsWith("/") ? `${example}m` : example.startsWith("claude") ? example : `m${example}`;
      const rest = example.startsWith("claude") ? "claude-opus-4-1" : "m";
      assert.ok(variantsOf(name, () => false).includes(rest), name);
    }
  }
  const [words = ""] = /These words are [\s\S]*?\. An endpoint/u.exec(handbook) ?? [];
  assert.ok(marked(words).length > 20);
  for (const word of marked(words))
    assert.deepEqual(
      variantsOf(`${word}/m`, () => false),
      ["m"],
      word,
    );
});

test("every example of a document is a valid one, with what else it needs", () => {
  const examples = [...handbook.matchAll(/```yaml\n([\s\S]*?)```/gu)].map(([, text = ""]) => text);
  assert.equal(examples.length, 3);
  for (const text of examples) {
    const example = parseDocument(text).toJS() as { readonly [name: string]: unknown };
    const endpoints = ["first", "second"].map((name) => ({ name, type: "groq" }));
    const { config } = configure({ document: { endpoints, ...example } });
    assert.ok(config.endpoints.length > 0);
  }
});

test("the first example comes out as it is printed", async () => {
  using home = temporaryDirectory();
  const [, line = "", printed = ""] = /```\n\$ patchbay (.+)\n([\s\S]*?)```/u.exec(handbook) ?? [];
  const model = "claude-sonnet-4-5";
  const at = (name: string, models: readonly unknown[]) => ({ name, type: "vllm", url: "http://127.0.0.1:9", models });
  const document = {
    server: { port: 0 },
    endpoints: [at("first", [model]), at("second", [model]), at("local", [{ id: "qwen3", inputModalities: ["text"] }])],
    models: [
      {
        name: model,
        strategy: "weighted",
        targets: [
          { endpoint: "first", model, weight: 3 },
          { endpoint: "second", model },
          { endpoint: "local", model: "qwen3", weight: 0 },
        ],
      },
    ],
  };
  writeFileSync(join(home.path, "patchbay.yaml"), JSON.stringify(document));
  const { stdout, code } = await runBinary(line.split(" "), { directory: home.path });
  assert.deepEqual([stdout, code], [printed, 0]);
});
