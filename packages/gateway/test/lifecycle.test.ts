import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, test } from "node:test";
import { ask } from "./support/exchange.ts";
import { endpointAt, startHouse } from "./support/house.ts";
import { defaultText } from "./support/payloads.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";

/** Stopping, and changes of the document, while requests are under way. */

describe("while requests are under way", { concurrency: true }, () => {
  test("a stop lets fifty streams finish, and ends soon after the last", async () => {
    await using upstream = await startUpstream({ script: { kind: "stream", pause: 60 } });
    await using house = await startHouse({ document: { endpoints: [endpointAt("up", upstream)] } });
    const streams = Array.from({ length: 50 }, () => ask(house, { model: "up/model", stream: true }));
    await upstream.reached(50);
    const stopped = house.app.stop().then(() => performance.now());
    await sleep(50);
    await assert.rejects(fetch(`${house.url}/livez`), "no new connection is taken");
    const outcomes = await Promise.all(streams);
    const last = performance.now();
    for (const { text, stream, error } of outcomes) {
      assert.deepEqual([text, stream?.done, error], [defaultText, true, undefined]);
    }
    assert.ok((await stopped) - last < 1500, `it took ${(await stopped) - last} ms`);
    const rows = await house.store.ledger.recent(100);
    assert.deepEqual([rows.length, rows.filter(({ status }) => status === 200).length], [50, 50]);
  });

  test("streams that outlive the time for a stop end in an error event", async () => {
    await using upstream = await startUpstream({ script: { kind: "endless-stream", pause: 10 } });
    await using house = await startHouse({
      document: { server: { timeouts: { drain: "200ms" } }, endpoints: [endpointAt("up", upstream)] },
    });
    const streams = Array.from({ length: 5 }, () => ask(house, { model: "up/model", stream: true }));
    await upstream.reached(5);
    await sleep(100);
    const started = performance.now();
    await house.app.stop();
    assert.ok(performance.now() - started < 1000);
    for (const outcome of await Promise.all(streams)) {
      assert.equal(outcome.stream?.broken, undefined);
      assert.equal(field(outcome.error, "code"), "draining");
      assert.equal(outcome.stream?.done, false);
    }
    await Promise.all(upstream.calls.map(({ ended }) => ended));
    const rows = await house.store.ledger.recent(100);
    assert.deepEqual(
      rows.map(({ failureKind }) => failureKind),
      Array.from({ length: 5 }, () => "draining"),
    );
  });

  test("two hundred changes of the document, good and bad, disturb no request", async () => {
    await using upstream = await startUpstream();
    const document = (version: number) => ({
      // Each version has connections of its own, since the headers changed.
      endpoints: [endpointAt("up", upstream, { headers: { "x-version": String(version) } })],
      models: [{ name: "model", targets: [{ endpoint: "up", model: "model" }] }],
    });
    await using house = await startHouse({ document: document(0) });
    let going = true;
    let asked = 0;
    const lane = async (stream: boolean): Promise<void> => {
      while (going) {
        const outcome = await ask(house, { model: "model", stream });
        asked++;
        assert.deepEqual([outcome.status, outcome.text, outcome.error], [200, defaultText, undefined]);
      }
    };
    upstream.script((call) =>
      field(call.json, "stream") === true ? { kind: "stream", pause: 3 } : { kind: "slow-headers", delay: 10 },
    );
    const lanes = [true, true, false, false].map(lane);
    for (let version = 1; version <= 200; version++) {
      const text = JSON.stringify(document(version));
      const broken = version % 10 === 0;
      house.app.reload(broken ? text.slice(0, Math.floor((text.length * version) / 201)) : text);
      await sleep(5);
      // On a busy machine the document waits for the requests.
      while (asked < version * 0.6) await Promise.race([sleep(1), ...lanes]);
    }
    going = false;
    await Promise.all(lanes);
    assert.ok(asked > 100, String(asked));
    const versions = new Set(upstream.calls.map(({ headers }) => headers["x-version"]));
    assert.ok(versions.size > 50, String(versions.size));
    await ask(house, { model: "model", stream: false });
    assert.equal(upstream.calls.at(-1)?.headers["x-version"], "199", "the last one was broken");
    // Connections of versions that nobody uses any more are closed.
    for (let turn = 0; turn < 100 && upstream.open > 10; turn++) await sleep(50);
    assert.ok(upstream.open <= 10, `${upstream.open} connections are open`);
  });

  test("a stream goes on when its endpoint is taken away, and the next request finds it gone", async () => {
    await using upstream = await startUpstream({ script: { kind: "stream", pause: 50 } });
    await using other = await startUpstream();
    await using house = await startHouse({
      document: {
        endpoints: [endpointAt("up", upstream), endpointAt("other", other)],
        models: [{ name: "model", targets: [{ endpoint: "up", model: "model" }] }],
      },
    });
    const running = ask(house, { model: "model", stream: true });
    await upstream.reached(1);
    await sleep(100);
    // An empty document, which a save on a full disk leaves, changes nothing.
    house.app.reload(" \n");
    assert.deepEqual(
      house.app.config.endpoints.map(({ name }) => name),
      ["up", "other"],
    );
    house.app.reload(JSON.stringify({ endpoints: [endpointAt("other", other)] }));
    const next = await ask(house, { model: "model", stream: false });
    assert.equal(next.status, 404);
    const direct = await ask(house, { model: "up/model", stream: false });
    assert.equal(direct.status, 404);
    const { text, stream, id } = await running;
    assert.deepEqual([text, stream?.done], [defaultText, true]);
    assert.equal((await house.row(id)).endpoint, "up");
  });

  test("a disabled endpoint's requests go to the next target", async () => {
    await using upstream = await startUpstream();
    await using other = await startUpstream();
    const document = (enabled: boolean) => ({
      endpoints: [endpointAt("up", upstream, { enabled }), endpointAt("other", other)],
      models: [
        {
          name: "model",
          targets: [
            { endpoint: "up", model: "model" },
            { endpoint: "other", model: "model" },
          ],
        },
      ],
    });
    await using house = await startHouse({ document: document(true) });
    for (const [enabled, name] of [
      [true, "up"],
      [false, "other"],
      [true, "up"],
    ] as const) {
      house.app.reload(JSON.stringify(document(enabled)));
      const outcome = await ask(house, { model: "model", stream: false });
      assert.equal(outcome.headers.get("x-patchbay-endpoint"), name);
    }
  });

  test("a request that was waiting during a change still reaches the target it was planned for", async () => {
    await using upstream = await startUpstream({
      script: [{ kind: "status", status: 429, headers: { "retry-after": "1" } }, { kind: "answer" }],
    });
    const document = (version: string) => ({
      endpoints: [endpointAt("up", upstream, { headers: { "x-version": version } })],
    });
    await using house = await startHouse({ document: document("old") });
    const waiting = ask(house, { model: "up/model", stream: false });
    await upstream.reached(1);
    await sleep(100);
    house.app.reload(JSON.stringify(document("new")));
    const outcome = await waiting;
    assert.deepEqual([outcome.status, outcome.text], [200, defaultText]);
    assert.deepEqual(
      upstream.calls.map(({ headers }) => headers["x-version"]),
      ["old", "old"],
    );
  });
});
