import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Pool } from "undici";
import { startProgram } from "./support/process.ts";
import { startUpstream } from "./support/upstream.ts";

const directory = mkdtempSync(join(tmpdir(), "patchbay-garbage-"));
after(() => rmSync(directory, { recursive: true }));

const messages = [{ role: "user", content: "x".repeat(900) }];
const model = "there/real";
const paths: readonly (readonly [what: string, path: string, body: object])[] = [
  ["relayed", "/v1/chat/completions", { model, messages }],
  ["relayed as a stream", "/v1/chat/completions", { model, messages, stream: true }],
  ["translated", "/v1/messages", { model, max_tokens: 100, messages }],
  ["translated as a stream", "/v1/messages", { model, max_tokens: 100, messages, stream: true }],
];

/** Requests at a time. */
const lanes = 16;

/**
 * A line for each collection, and a young generation that grows to 16 MB whatever the machine's memory is: in a smaller
 * one, the requests that are under way would weigh more.
 */
const nodeFlags = ["--trace-gc-nvp", "--max-semi-space-size=16"];

/** What of the young objects outlived a collection, by its own account, in bytes. */
function survivors(trace: string): { readonly made: number; readonly survived: number } {
  const collections = [...trace.matchAll(/ gc=s .* allocated=(\d+) .* new_space_survived=(\d+) /g)];
  return {
    made: collections.reduce((sum, [, made]) => sum + Number(made), 0),
    survived: collections.reduce((sum, [, , survived]) => sum + Number(survived), 0),
  };
}

for (const [what, path, body] of paths) {
  test(`a request that was ${what} leaves nothing behind that only a full collection finds`, async () => {
    await using upstream = await startUpstream({ script: { kind: "answer" } });
    const file = join(directory, "patchbay.yaml");
    writeFileSync(file, `endpoints: [{ name: there, type: openai-compatible, url: "${upstream.url}" }]\n`);
    await using program = await startProgram(["--config", file, "--data-dir", directory], {}, nodeFlags);
    const pool = new Pool(program.url, { connections: lanes });
    const headers = { "content-type": "application/json" };
    const ask = async () => {
      const answer = await pool.request({ path, method: "POST", body: JSON.stringify(body), headers });
      const text = await answer.body.text();
      assert.equal(answer.statusCode, 200, text);
    };
    const askOften = async (left: number) => {
      const lane = async () => {
        while (left-- > 0) await ask();
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    };
    // What is made at the start may stay.
    await askOften(700);
    const begun = program.output.stdout.length;
    await askOften(1300);
    await pool.close();
    await program.stop();
    const { made, survived } = survivors(program.output.stdout.slice(begun));
    assert.ok(made > 20_000_000, `${made} bytes were made`);
    assert.ok(survived < made / 20, `${survived} of ${made} bytes survived`);
  });
}
