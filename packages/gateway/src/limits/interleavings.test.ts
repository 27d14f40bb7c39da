import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Entry } from "./entry.ts";
import { Limits } from "./limits.ts";
import { MemoryLimitStore } from "./memory.ts";
import type { Scope } from "./rules.ts";
import type { LimitStore } from "./types.ts";

/** One who comes, what it uses, and what becomes of it. */
const clients = fc.array(
  fc.record({
    key: fc.nat(2),
    priority: fc.integer({ min: -1, max: 1 }),
    tokens: fc.integer({ min: 1, max: 300 }),
    /** The share of it that is used in the end. */
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    fate: fc.constantFrom("ends", "ends", "ends", "leaves", "tires"),
  }),
  { minLength: 1, maxLength: 24 },
);

const most = { requests: 12, tokens: 1500, concurrent: 2, keyConcurrent: 1, keyRequests: 6 };

interface World {
  readonly limits: Limits;
  readonly memory: MemoryLimitStore;
  readonly endpoint: Scope;
  readonly keyScope: (key: number) => Scope;
  readonly pass: (milliseconds: number) => void;
}

/** @param delay Where the store is another process: what its questions and answers wait for. */
function newWorld(delay?: (what: string) => Promise<void>): World {
  let now = 0;
  const clock = { now: () => now, monotonic: () => now };
  const memory = new MemoryLimitStore(clock);
  const shared = (wait: (what: string) => Promise<void>): LimitStore => ({
    reserve: async (wants) => {
      await wait("asked");
      const outcome = memory.reserve(wants);
      await wait("answered");
      return outcome;
    },
    settle: (reservation, actual) => memory.settle(reservation, actual),
    refusal: (wants) => memory.refusal(wants),
    state: (scope, rule) => memory.state(scope, rule),
    restore: () => {},
  });
  const limits = new Limits(clock, delay === undefined ? memory : shared(delay));
  const own = { requestsPerMinute: most.requests, tokensPerMinute: most.tokens, concurrent: most.concurrent, queue: 3 };
  limits.configure([{ name: "e", limits: own, credentials: [] }], []);
  const [endpoint] = limits.attemptScopes("e", 0) ?? [];
  assert.ok(endpoint !== undefined);
  const keys = [0, 1, 2].map(() => ({ requestsPerMinute: most.keyRequests, concurrent: most.keyConcurrent }));
  const keyScope = (key: number): Scope => {
    const scope = limits.keyScope(`k${key}`, keys[key] ?? {});
    assert.ok(scope !== undefined);
    return scope;
  };
  return { limits, memory, endpoint, keyScope, pass: (milliseconds) => (now += milliseconds) };
}

for (const isShared of [false, true]) {
  const whose = isShared ? "a store that answers later" : "this process's memory";
  test(`in whatever order things happen, ${whose} lets nobody over a limit and loses nothing`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), clients, async (scheduler, all) => {
        const delay = (what: string) => scheduler.schedule(Promise.resolve(), what);
        const { limits, memory, endpoint, keyScope, pass } = newWorld(isShared ? delay : undefined);
        const entries: { readonly entry: Entry; readonly key: number }[] = [];
        let spent = 0;
        let sent = 0;

        const come = async ({ key, priority, tokens, share, fate }: (typeof all)[number], index: number) => {
          await delay(`${index} comes`);
          let tell = () => {};
          const decided = new Promise<void>((resolve) => (tell = resolve));
          const entry = limits.entry({
            scopes: [keyScope(key), endpoint],
            demand: { requests: 1, tokens: () => tokens, money: () => 0 },
            who: String(key),
            priority,
            decided: tell,
          });
          entries.push({ entry, key });
          entry.begin();
          if (fate === "leaves" && entry.state === "waiting") {
            await delay(`${index} leaves`);
            return entry.leave();
          }
          if (fate === "tires" && entry.state === "waiting") {
            await Promise.race([decided, delay(`${index} tires`).then(() => entry.giveUp())]);
          }
          if (entry.state === "waiting") await decided;
          if (entry.state !== "in") return;
          sent++;
          await delay(`${index} ends`);
          spent += Math.floor(tokens * share);
          entry.settle({ tokens: Math.floor(tokens * share) });
        };

        const look = () => {
          const inside = entries.filter(({ entry }) => entry.state === "in");
          assert.ok(inside.length <= most.concurrent, "too many at the endpoint");
          for (const key of [0, 1, 2]) {
            assert.ok(inside.filter((each) => each.key === key).length <= most.keyConcurrent, "too many of a key");
          }
          for (const scope of [endpoint, keyScope(0), keyScope(1), keyScope(2)]) {
            for (const rule of scope.rules) {
              assert.ok(memory.state(scope, rule).used <= rule.limit, `${scope.id} is over ${rule.name}`);
            }
          }
        };

        const lives = all.map(come);
        // Less than the window in all, so that everything counts to the end.
        for (let tick = 0; tick < 4; tick++) void delay("time passes").then(() => pass(10_000));
        let over = false;
        const end = Promise.all(lives).then(() => (over = true));
        while (!over) {
          if (scheduler.count() === 0) {
            await new Promise((resolve) => setImmediate(resolve));
            assert.ok(over || scheduler.count() > 0, "somebody waits for ever");
            continue;
          }
          await scheduler.waitOne();
          look();
        }
        await end;
        while (scheduler.count() > 0) await scheduler.waitOne();
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual([limits.held, limits.waiting], [0, 0]);
        const used = (name: string) => {
          const rule = endpoint.rules.find((each) => each.name === name);
          return rule === undefined ? undefined : memory.state(endpoint, rule).used;
        };
        assert.deepEqual([used("requestsPerMinute"), used("tokensPerMinute")], [sent, spent]);
      }),
      { numRuns: 120 },
    );
  });
}
