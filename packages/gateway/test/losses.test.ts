import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startProgram } from "./support/process.ts";

const directory = mkdtempSync(join(tmpdir(), "patchbay-losses-"));
after(() => rmSync(directory, { recursive: true }));

test("a field that a translation loses is named to the client and in the log", async () => {
  await using program = await startProgram(["--data-dir", directory], {});
  const ask = async (choice: object): Promise<Response> => {
    const response = await fetch(`${program.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({
        model: "echo",
        messages: [{ role: "user", content: "hi" }],
        tools: [{ type: "function", function: { name: "look" } }],
        tool_choice: { type: "function", function: { name: "look" }, ...choice },
      }),
    });
    assert.equal(response.status, 200, await response.text());
    return response;
  };
  const answers = [await ask({ odd: 1 }), await ask({})];
  await program.stop();
  const lines = program.output.stderr
    .split("\n")
    .filter((line) => line.includes('"exchange"'))
    .map((line) => JSON.parse(line) as { readonly [name: string]: unknown });
  for (const [index, losses] of ["tool_choice.odd", undefined].entries()) {
    const { headers } = answers[index] ?? assert.fail();
    const line = lines.find(({ requestId }) => requestId === headers.get("x-request-id"));
    assert.equal(headers.get("x-patchbay-loss") ?? undefined, losses);
    assert.equal(line?.["losses"], losses);
    assert.equal(line?.["endpoint"], "simulator");
  }
});
