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
    const args = ["--config", file, "--data-dir", directory];
    await using program = await startProgram(args, {}, ["--trace-gc-nvp"]);
    const pool = new Pool(program.url, { connections: 16 });
    let left = 2500;
    let begun = 0;
    const lane = async (): Promise<void> => {
      while (left-- > 0) {
        const request = {
          path,
          method: "POST",
          body: JSON.stringify(body),
          headers: { "content-type": "application/json" },
        } as const;
        const answer = await pool.request(request);
        const text = await answer.body.text();
        assert.equal(answer.statusCode, 200, text);
        // What is made at the start may stay.
        if (left === 1500) begun = program.output.stdout.length;
      }
    };
    await Promise.all(Array.from({ length: 16 }, lane));
    await pool.close();
    await program.stop();
    const { made, survived } = survivors(program.output.stdout.slice(begun));
    assert.ok(made > 20_000_000, `${made} bytes were made`);
    assert.ok(survived < made / 20, `${survived} of ${made} bytes survived`);
  });
}
