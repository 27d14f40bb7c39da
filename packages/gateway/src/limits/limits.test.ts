import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SharedLimits } from "../kernel/limit.ts";
import type { Entry } from "./entry.ts";
import { Limits } from "./limits.ts";
import { MemoryLimitStore } from "./memory.ts";
import type { Scope } from "./rules.ts";
import type { LimitStore, Outcome } from "./types.ts";

function start(endpoints: { readonly [name: string]: SharedLimits } = {}, wrap?: (store: LimitStore) => LimitStore) {
  const time = { now: Date.UTC(2026, 0, 31, 12), monotonic: 0 };
  const clock = { now: () => time.now, monotonic: () => time.monotonic };
  const memory = new MemoryLimitStore(clock);
  const limits = new Limits(clock, wrap?.(memory) ?? memory);
  limits.configure(
    Object.entries(endpoints).map(([name, own]) => ({ name, limits: own, credentials: [{}] })),
    [],
  );
  const pass = (milliseconds: number) => {
    time.now += milliseconds;
    time.monotonic += milliseconds;
  };
  return { limits, pass, clock };
}

const demand = (tokens: number, money = 0) => ({ requests: 1, tokens: () => tokens, money: () => money });
const enter = (limits: Limits, scopes: readonly Scope[], tokens = 1, money = 0): Entry =>
  limits.entry({ scopes, demand: demand(tokens, money), who: "a", priority: 0, decided: () => {} }).begin();
const scopesOf = (limits: Limits, endpoint = "e") => limits.attemptScopes(endpoint, 0) ?? [];

test("an endpoint without limits costs nothing", () => {
  const { limits } = start({ e: {} });
  assert.deepEqual(
    [limits.isLimiting, limits.attemptScopes("e", 0), limits.limited("e", "m", 9e9)],
    [false, undefined, 0],
  );
});

test("headroom leaves a part of the figures unused, but never all", () => {
  const { limits } = start({
    e: { requestsPerMinute: 15, tokensPerMinute: 165_000, tokensPerDay: 24_000_000, headroom: 0.8 },
    tiny: { requestsPerMinute: 1, headroom: 0.1 },
  });
  assert.deepEqual(
    scopesOf(limits)[0]?.rules.map(({ limit }) => limit),
    [12, 132_000, 19_200_000],
  );
  assert.equal(scopesOf(limits, "tiny")[0]?.rules[0]?.limit, 1);
});

test("a target is limited until there is room, for each of its limits", () => {
  const { limits, pass } = start({ e: { requestsPerMinute: 2, tokensPerMinute: 100 } });
  enter(limits, scopesOf(limits), 90);
  assert.equal(limits.limited("e", "m", 10), 0);
  assert.equal(limits.limited("e", "m", 11), 61_000);
  assert.deepEqual(limits.refusalOf("e", "m", 11)?.limit, "tokensPerMinute");
  enter(limits, scopesOf(limits), 1);
  assert.equal(limits.refusalOf("e", "m", 1)?.limit, "requestsPerMinute");
  pass(61_000);
  assert.equal(limits.limited("e", "m", 100), 0);
});

test("all credentials must be used up before an endpoint is", () => {
  const { limits } = start();
  limits.configure(
    [{ name: "e", credentials: [{ limits: { requestsPerMinute: 1 } }, { limits: { requestsPerMinute: 1 } }] }],
    [],
  );
  enter(limits, limits.attemptScopes("e", 0) ?? []);
  const token = { tokens: () => 1 };
  assert.deepEqual(
    [
      limits.credentialWait("e", "m", 0, token) > 0,
      limits.credentialWait("e", "m", 1, token),
      limits.limited("e", "m", 1),
    ],
    [true, 0, 0],
  );
  enter(limits, limits.attemptScopes("e", 1) ?? []);
  assert.ok(limits.limited("e", "m", 1) > 0);
});

test("what a request may cost is counted before, and what it cost after", () => {
  const { limits } = start();
  const scope = limits.keyScope("k", { microDollarsPerDay: 100 });
  assert.ok(scope !== undefined);
  const first = enter(limits, [scope], 1, 80);
  assert.deepEqual([first.state, enter(limits, [scope], 1, 30).refusal?.limit], ["in", "usdPerDay"]);
  first.settle({ money: 10 });
  first.settle({ money: 99 });
  assert.equal(enter(limits, [scope], 1, 90).state, "in");
  assert.equal(enter(limits, [scope], 1, 101).refusal?.wait, Infinity);
});

test("a request that is larger than the limit of a minute has it for itself", () => {
  const { limits } = start({ e: { tokensPerMinute: 100 } });
  assert.equal(enter(limits, scopesOf(limits), 5000).state, "in");
  assert.equal(enter(limits, scopesOf(limits), 1).state, "refused");
});

test("places in several scopes are taken in turn, and given back by whoever is refused", () => {
  const { limits } = start({ e: { concurrent: 1, queue: 0 } });
  const key = limits.keyScope("k", { concurrent: 2 });
  assert.ok(key !== undefined);
  const scopes = [key, ...scopesOf(limits)];
  const first = enter(limits, scopes);
  const second = enter(limits, scopes);
  assert.deepEqual([first.state, second.refusal?.kind, second.refusal?.limit], ["in", "endpoint", "concurrent"]);
  assert.equal(limits.held, 2);
  first.settle({});
  assert.deepEqual([limits.held, limits.waiting], [0, 0]);
});

test("a store that others share answers later, and who has left meanwhile is charged nothing", async () => {
  const answers: (() => void)[] = [];
  const { limits } = start({ e: { requestsPerMinute: 1 } }, (store) => ({
    reserve: (wants, scopes) =>
      new Promise<Outcome>((resolve) => {
        answers.push(() => void Promise.resolve(store.reserve(wants, scopes)).then(resolve));
      }),
    settle: (reservation, actual) => store.settle(reservation, actual),
    refusal: (wants) => store.refusal(wants),
    state: (scope, rule) => store.state(scope, rule),
    restore: (scope, rule, past) => store.restore(scope, rule, past),
  }));
  const gone = enter(limits, scopesOf(limits));
  assert.equal(gone.state, "waiting");
  gone.leave();
  answers.shift()?.();
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(limits.limited("e", "m", 1), 0);
  const next = enter(limits, scopesOf(limits));
  answers.shift()?.();
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(next.state, "in");
});

test("what was used before this start counts for as long as it would have", () => {
  const { limits, pass } = start({ e: { tokensPerDay: 100 } });
  const [scope] = scopesOf(limits);
  const rule = scope?.rules[0];
  assert.ok(scope !== undefined && rule !== undefined);
  limits.store.restore(scope, rule, { amount: 60, age: 23 * 3_600_000 });
  limits.store.restore(scope, rule, { amount: 30, age: 3_600_000 });
  assert.equal(limits.store.state(scope, rule).used, 90);
  pass(3_600_000 + 300_000);
  assert.equal(limits.store.state(scope, rule).used, 30);
});

/** One step of the world: somebody comes, something ends, time passes. */
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("come" as const), key: fc.nat(2), tokens: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ do: fc.constant("end" as const), pick: fc.nat(50), used: fc.option(fc.nat(500)) }),
    fc.record({ do: fc.constant("leave" as const), pick: fc.nat(50) }),
    fc.record({ do: fc.constant("tire" as const), pick: fc.nat(50) }),
    fc.record({ do: fc.constant("pass" as const), time: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ do: fc.constant("turn" as const) }),
  ),
  { maxLength: 120 },
);

test("whatever happens in whatever order, nobody is over a limit and everything is settled exactly once", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      let reserved = 0;
      let settled = 0;
      const { limits, pass, clock } = start(
        { e: { requestsPerMinute: 8, tokensPerMinute: 1000, concurrent: 3, queue: 4 } },
        (store) => ({
          reserve: (wants, scopes) => {
            const outcome = store.reserve(wants, scopes);
            if (!(outcome instanceof Promise) && outcome.ok) reserved++;
            return outcome;
          },
          settle: (reservation, actual) => {
            settled++;
            return store.settle(reservation, actual);
          },
          refusal: (wants) => store.refusal(wants),
          state: (scope, rule) => store.state(scope, rule),
          restore: () => {},
        }),
      );
      const entries: Entry[] = [];
      const sent: { at: number; key: number }[] = [];
      const counted = new Set<Entry>();
      const keyOf = new Map<Entry, number>();
      const look = () => {
        for (const entry of entries) {
          if (entry.state !== "in" || counted.has(entry)) continue;
          counted.add(entry);
          sent.push({ at: clock.monotonic(), key: keyOf.get(entry) ?? 0 });
        }
        const recent = sent.filter(({ at }) => at > clock.monotonic() - 60_000);
        assert.ok(recent.length <= 8, "over the endpoint's requests");
        for (const key of [0, 1, 2]) assert.ok(recent.filter((each) => each.key === key).length <= 4, "over a key's");
        assert.ok(entries.filter(({ state }) => state === "in").length <= 3, "over the endpoint's places");
      };
      for (const step of all) {
        const entry = "pick" in step ? entries[step.pick % Math.max(1, entries.length)] : undefined;
        if (step.do === "come") {
          const key = limits.keyScope(`k${step.key}`, keyLimits);
          const made = limits.entry({
            scopes: [...(key === undefined ? [] : [key]), ...scopesOf(limits)],
            demand: demand(step.tokens),
            who: String(step.key),
            priority: step.key,
            decided: look,
          });
          keyOf.set(made, step.key);
          entries.push(made.begin());
        } else if (step.do === "end") entry?.settle(step.used === null ? {} : { tokens: step.used });
        else if (step.do === "leave") entry?.leave();
        else if (step.do === "tire") entry?.giveUp();
        else if (step.do === "pass") pass(step.time);
        else await Promise.resolve();
        look();
      }
      for (const entry of entries) entry.settle({});
      await Promise.resolve();
      assert.deepEqual([limits.held, limits.waiting, settled], [0, 0, reserved]);
    }),
    { numRuns: 150 },
  );
});

const keyLimits = { requestsPerMinute: 4, concurrent: 2 };

test("when all is settled, what counts is what was used", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ foreseen: fc.nat(90), used: fc.nat(120) }), { maxLength: 30 }), (all) => {
      const { limits } = start();
      const scope = limits.keyScope("k", { tokensPerDay: 1_000_000, microDollarsPerMonth: 1_000_000 });
      assert.ok(scope !== undefined);
      const entries = all.map(({ foreseen }) => enter(limits, [scope], foreseen, foreseen));
      for (const [index, entry] of entries.entries())
        entry.settle({ tokens: all[index]?.used, money: all[index]?.used });
      const sum = all.reduce((total, { used }) => total + used, 0);
      for (const rule of scope.rules) assert.equal(limits.store.state(scope, rule).used, sum);
    }),
    { numRuns: 100 },
  );
});
