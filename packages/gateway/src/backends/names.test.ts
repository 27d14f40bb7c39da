import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { mock, test } from "node:test";
import { Names } from "./names.ts";

interface Asked {
  readonly hostname: string;
  readonly answer: (found: string) => void;
  readonly fail: (code: string) => void;
}

/** Names before a resolver that answers when it is told to; timers stand still. */
class Stage implements Disposable {
  readonly asked: Asked[] = [];
  readonly heard: string[] = [];
  readonly #names = new Names((hostname, _options, callback) => {
    this.asked.push({
      hostname,
      answer: (address) => callback(null, [{ address, family: 4 }]),
      fail: (code) => callback(Object.assign(new Error(code), { code }), []),
    });
  });

  constructor() {
    mock.timers.enable({ apis: ["setTimeout"] });
  }

  /** Looks a name up; what is answered is noted. */
  async ask(hostname: string): Promise<void> {
    this.#names.lookup(hostname, { all: true }, (error, found: LookupAddress[]) => {
      this.heard.push(error?.code ?? found.map(({ address }) => address).join());
    });
    await settled();
  }

  pass(milliseconds: number): void {
    mock.timers.tick(milliseconds);
  }

  [Symbol.dispose](): void {
    mock.timers.reset();
  }
}

const settled = () => new Promise((resolve) => process.nextTick(resolve));

test("a name is looked up once for all who want it, and not again for ten seconds", async () => {
  using stage = new Stage();
  for (let count = 0; count < 3; count++) await stage.ask("a");
  assert.equal(stage.asked.length, 1);
  stage.asked[0]?.answer("1");
  await stage.ask("a");
  assert.deepEqual([stage.heard, stage.asked.length], [["1", "1", "1", "1"], 1]);
  stage.pass(10_001);
  await stage.ask("a");
  stage.asked[1]?.answer("2");
  assert.deepEqual([stage.heard.at(-1), stage.asked.length], ["2", 2]);
});

test("a resolver that hangs holds up a known name for half a second, and is asked once at a time", async () => {
  using stage = new Stage();
  await stage.ask("a");
  stage.asked[0]?.answer("1");
  stage.pass(10_001);
  for (let count = 0; count < 3; count++) await stage.ask("a");
  stage.pass(499);
  assert.equal(stage.heard.length, 1);
  stage.pass(1);
  assert.deepEqual([stage.heard, stage.asked.length], [["1", "1", "1", "1"], 2]);
  // From here on nobody waits for it.
  await stage.ask("a");
  assert.deepEqual([stage.heard.length, stage.heard.at(-1)], [5, "1"]);
  stage.asked[1]?.answer("2");
  await stage.ask("a");
  assert.deepEqual([stage.heard.length, stage.heard.at(-1)], [6, "2"]);
});

test("a name that hangs and was never known keeps its own callers waiting, and nobody else", async () => {
  using stage = new Stage();
  for (let count = 0; count < 8; count++) await stage.ask("hangs");
  await stage.ask("a");
  stage.asked[1]?.answer("1");
  stage.pass(60_000);
  assert.deepEqual([stage.heard, stage.asked.length], [["1"], 2]);
});

for (const [code, expected] of [
  ["EAI_AGAIN", ["1", "1"]],
  ["ENOTFOUND", ["1", "ENOTFOUND"]],
] as const) {
  test(`a known name of which the resolver says ${code}`, async () => {
    using stage = new Stage();
    await stage.ask("a");
    stage.asked[0]?.answer("1");
    stage.pass(10_001);
    await stage.ask("a");
    stage.asked[1]?.fail(code);
    assert.deepEqual(stage.heard, expected);
    await stage.ask("a");
    assert.equal(stage.asked.length, 3);
  });
}

test("a failure is told to all who wait, and is not remembered", async () => {
  using stage = new Stage();
  await stage.ask("a");
  await stage.ask("a");
  stage.asked[0]?.fail("EAI_AGAIN");
  await stage.ask("a");
  stage.asked[1]?.answer("1");
  assert.deepEqual(stage.heard, ["EAI_AGAIN", "EAI_AGAIN", "1"]);
});

test("no more than a thousand names are remembered", async () => {
  using stage = new Stage();
  for (let index = 0; index <= 1000; index++) {
    await stage.ask(`name-${index}`);
    stage.asked.at(-1)?.answer("1");
  }
  const before = stage.asked.length;
  await stage.ask("name-1000");
  await stage.ask("name-0");
  assert.deepEqual(
    stage.asked.slice(before).map(({ hostname }) => hostname),
    ["name-0"],
  );
});
