import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { HealthPoller, judge } from "./health-poller.ts";
import type { HealthAnswer, Verdict } from "./health-poller.ts";

const rows: readonly (readonly [what: string, answer: HealthAnswer | undefined, verdict: Verdict])[] = [
  ["200 without a body", { status: 200, body: "" }, "well"],
  ["204", { status: 204, body: "" }, "well"],
  ["200 with a text", { status: 200, body: "OK" }, "well"],
  ['{"healthy":true}', { status: 200, body: '{"healthy":true}' }, "well"],
  ['{"status":"ok"}', { status: 200, body: '{"status":"ok"}' }, "well"],
  ["JSON that says something else", { status: 200, body: '{"status":"warming","uptime":1}' }, "well"],
  ["JSON that is no object", { status: 200, body: '"down"' }, "well"],
  ['{"healthy":false}', { status: 200, body: '{"healthy":false}' }, "down"],
  ['{"status":"down"}', { status: 200, body: '{"status":"down"}' }, "down"],
  ['{"status":"ERROR"}', { status: 200, body: '{"status":"ERROR"}' }, "down"],
  ['{"status":"unhealthy"}', { status: 200, body: '{"status":"unhealthy"}' }, "down"],
  ["JSON behind a byte order mark", { status: 200, body: '\ufeff{"healthy":false}' }, "down"],
  ["503", { status: 503, body: '{"status":"ok"}' }, "bad"],
  ["a redirect", { status: 302, body: "" }, "bad"],
  ["no answer", undefined, "bad"],
];
for (const [what, answer, verdict] of rows) {
  test(`${what} is taken as ${verdict}`, () => assert.equal(judge(answer), verdict));
}

/** A poller whose endpoint `a` is asked every ten seconds. */
class Stage implements Disposable {
  answer: HealthAnswer | undefined = { status: 200, body: "" };
  asked = 0;
  readonly told: boolean[] = [];
  readonly poller: HealthPoller;

  constructor() {
    mock.timers.enable({ apis: ["setTimeout"] });
    this.poller = new HealthPoller({
      ask: async () => {
        this.asked++;
        return this.answer;
      },
      random: () => 0.5,
      tell: (_, healthy) => this.told.push(healthy),
    });
    this.watch();
  }

  watch(url = "http://a/health"): void {
    this.poller.watch([{ name: "a", url, every: 10_000 }]);
  }

  async pass(milliseconds: number): Promise<void> {
    mock.timers.tick(milliseconds);
    for (let index = 0; index < 5; index++) await Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.poller[Symbol.dispose]();
    mock.timers.reset();
  }
}

test("an endpoint is asked soon, and then in its interval", async () => {
  using stage = new Stage();
  await stage.pass(500);
  assert.equal(stage.asked, 1);
  await stage.pass(9999);
  assert.equal(stage.asked, 1);
  await stage.pass(1);
  assert.equal(stage.asked, 2);
  assert.deepEqual(stage.told, [true, true]);
});

test("one bad answer may be chance, two are not; the endpoint's own word counts at once", async () => {
  using stage = new Stage();
  stage.answer = undefined;
  await stage.pass(500);
  await stage.pass(10_000);
  stage.answer = { status: 200, body: "" };
  await stage.pass(10_000);
  stage.answer = { status: 200, body: '{"healthy":false}' };
  await stage.pass(10_000);
  assert.deepEqual(stage.told, [true, false, true, false]);
});

test("who is asked the same as before is not disturbed; who is no longer asked counts as well", async () => {
  using stage = new Stage();
  stage.answer = { status: 200, body: '{"healthy":false}' };
  await stage.pass(500);
  stage.watch();
  assert.deepEqual(stage.told, [false]);
  stage.watch("http://a/other");
  assert.deepEqual(stage.told, [false, true]);
  stage.poller.watch([]);
  await stage.pass(60_000);
  assert.equal(stage.asked, 1);
});
