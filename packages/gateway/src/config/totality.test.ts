import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import type { Arbitrary } from "fast-check";
import { load } from "./support.test.ts";

const document = `# A valid document.
server: { port: 4000, cors: { origins: ["https://a.example"] } }
endpoints:
  - name: a
    type: openai
    credentials: [{ apiKey: "\${KEY}" }]
    headers: { x-team: "ä" }
models:
  - name: m/*
    aliases: [coder]
    targets: [{ endpoint: a, model: "*" }]
    defaults: { temperature: 0.7 }
`;

/** Either a whole configuration or at least one problem with a message on one line. */
function check(text: string): boolean {
  const result = load(text, { variables: { KEY: "k" } });
  if (result.ok) {
    assert.equal(typeof result.config.server.port, "number");
    for (const { targets } of result.config.models) {
      assert.ok(targets.length > 0);
      for (const { endpoint } of targets) assert.ok(result.config.endpoints.some(({ name }) => name === endpoint));
    }
  } else {
    assert.ok(result.problems.length > 0);
    for (const { message } of result.problems) assert.match(message, /^\P{Cc}+$/u);
  }
  return result.ok;
}

test("a document cut at any byte is whole or refused, and never throws", () => {
  const bytes = Buffer.from(document);
  const verdicts = Array.from({ length: bytes.length + 1 }, (_, length) => check(bytes.subarray(0, length).toString()));
  assert.equal(verdicts.at(-1), true);
  assert.ok(verdicts.includes(false));
});

test("a document with any character replaced never throws", () => {
  const replacements = ["{", "*", "\u0000", ":"];
  for (let index = 0; index < document.length; index++) {
    check(document.slice(0, index) + replacements[index % replacements.length] + document.slice(index + 1));
  }
});

test("any text is configured or refused, and never throws", () => {
  const pieces = fastCheck.constantFrom(
    ..."[]{}:,-?&*!|>'\"%@`#$\\ \n\t~".split(""),
    "\n  - ",
    "${",
    "file:",
    "<<: ",
    "\uFEFF",
    "\r\n",
    "\u2028",
    "\ud800",
  );
  const noise = fastCheck.array(fastCheck.oneof(pieces, fastCheck.string({ unit: "binary", maxLength: 5 })), {
    maxLength: 30,
  });
  fastCheck.assert(
    fastCheck.property(noise, (parts) => void check(parts.join(""))),
    { numRuns: 300 },
  );
});

const names = [
  "server",
  "port",
  "endpoints",
  "models",
  "name",
  "type",
  "targets",
  "endpoint",
  "model",
  "headers",
  "credentials",
  "apiKey",
  "__proto__",
  "constructor",
  "toString",
  "url",
  "aliases",
  "defaults",
  "timeouts",
  "price",
  "access",
  "open",
  "failover",
  "cors",
  "origins",
];
const words = [
  "openai",
  "a",
  "a/b",
  "*",
  "${KEY}",
  "${NONE}",
  "secret:x",
  "file:x",
  "https://x",
  "",
  "auto",
  "5s",
  "true",
];

test("any JSON as a document is configured or refused, and never throws", () => {
  const { tree } = fastCheck.letrec<{ tree: unknown }>((tie) => ({
    tree: fastCheck.oneof(
      { maxDepth: 6 },
      fastCheck.oneof(
        fastCheck.constantFrom(...words),
        fastCheck.double(),
        fastCheck.boolean(),
        fastCheck.constant(null),
      ) as Arbitrary<unknown>,
      fastCheck.array(tie("tree"), { maxLength: 4 }),
      fastCheck.dictionary(fastCheck.oneof(fastCheck.constantFrom(...names), fastCheck.string()), tie("tree"), {
        maxKeys: 5,
      }),
    ),
  }));
  fastCheck.assert(
    fastCheck.property(tree, (value) => void check(JSON.stringify(value))),
    { numRuns: 400 },
  );
});
