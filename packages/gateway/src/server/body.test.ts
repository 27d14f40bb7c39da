import assert from "node:assert/strict";
import { createServer, request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { close, listen } from "../../test/support/port.ts";
import { BodyBudget, readBody } from "./body.ts";

const limit = 1000;
type Outcome = Parameters<Parameters<typeof readBody>[2]>[0];

/** Sends pieces to a server that reads them by `readBody`, and gives what it was told, in order. */
async function send(
  pieces: readonly string[],
  headers: Readonly<Record<string, string>> = {},
  budget = 10_000,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const server = createServer((incoming: IncomingMessage, response) => {
    readBody(incoming, { limit, budget: new BodyBudget(budget) }, (outcome) => {
      outcomes.push(outcome);
      response.end();
    });
  });
  const port = await listen(server);
  const outgoing = httpRequest({ port, host: "127.0.0.1", method: "POST", headers });
  outgoing.on("error", () => {});
  const done = new Promise<void>((resolve) =>
    outgoing.once("response", (response) => response.resume().once("end", resolve)),
  );
  for (const piece of pieces) {
    outgoing.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  if (headers["content-length"] === undefined) outgoing.end();
  await done;
  outgoing.destroy();
  server.closeAllConnections();
  await close(server);
  return outcomes;
}

const textOf = (outcome: Outcome | undefined): string =>
  outcome?.ok === true ? outcome.rope.bytes.toString() : `refused: ${outcome?.failure.kind ?? "nothing"}`;

/** Pieces, and what becomes of them. */
const cases: readonly (readonly [name: string, pieces: readonly string[], expected: string])[] = [
  ["nothing", [], ""],
  ["one piece", ["abc"], "abc"],
  ["several pieces", ["ab", "cd", "e"], "abcde"],
  ["exactly the limit", ["a".repeat(600), "b".repeat(400)], "a".repeat(600) + "b".repeat(400)],
  ["one byte too many", ["a".repeat(600), "b".repeat(401)], "refused: too-large"],
  ["far too much, told once", ["a".repeat(2000), "b".repeat(2000), "c"], "refused: too-large"],
];

for (const [name, pieces, expected] of cases) {
  test(`a body of ${name}`, async () => {
    const outcomes = await send(pieces);
    assert.deepEqual(outcomes.map(textOf), [expected]);
  });
}

test("a length that is too large is refused before a byte has come", async () => {
  const outcomes = await send([""], { "content-length": "1001" });
  assert.deepEqual(outcomes.map(textOf), ["refused: too-large"]);
  assert.match(outcomes[0]?.ok === false ? outcomes[0].failure.message : "", /larger than 1000 bytes/u);
});

test("a body that would hold more than all bodies may is refused, and told to come again", async () => {
  const [outcome] = await send(["x".repeat(300), "y".repeat(300)], {}, 500);
  assert.equal(textOf(outcome), "refused: overwhelmed");
});

test("what is given back may be taken again", () => {
  const budget = new BodyBudget(10);
  assert.deepEqual([budget.take(6), budget.take(5), budget.take(4)], [true, false, true]);
  budget.give(6);
  assert.deepEqual([budget.take(7), budget.take(6)], [false, true]);
});
