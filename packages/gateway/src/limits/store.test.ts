import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { startProxy } from "../../test/support/proxy.ts";
import { redisTest, startRedis } from "../../test/support/redis-server.ts";
import { MemoryLimitStore } from "./memory.ts";
import { scopeOf } from "./rules.ts";
import type { Period, Rule, Scope, ScopeKind } from "./rules.ts";
import { Link } from "./shared/link.ts";
import { redisDial } from "./shared/redis.ts";
import { SharedLimitStore } from "./shared/store.ts";
import type { LimitStore, Reservation, Want } from "./types.ts";
import { Secret } from "../kernel/secret.ts";

/*
 * What every store of limits must do, whichever it is: the scenarios and the property below run over each.
 */

const day = 86_400_000;
const noon = Date.UTC(2026, 0, 31, 12);

/** A store whose time the test makes. */
interface Rig extends AsyncDisposable {
  readonly store: LimitStore;
  readonly pass: (milliseconds: number) => void;
  /** Everything that was asked of the store has been done. */
  readonly done: () => Promise<void>;
}

/** Windows begin with the same step for all. */
function newClock() {
  const time = { passed: 0 };
  return {
    now: () => noon + time.passed,
    monotonic: () => noon - 2 * day + time.passed,
    pass: (milliseconds: number) => void (time.passed += milliseconds),
  };
}

function memoryRig(): Promise<Rig> {
  const clock = newClock();
  return Promise.resolve({
    store: new MemoryLimitStore(clock),
    pass: clock.pass,
    done: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

/** @param before What was used before this store knew of Redis. */
async function redisRig(url: string, before: (store: LimitStore) => void = () => {}): Promise<Rig> {
  const clock = newClock();
  const own = { now: () => performance.timeOrigin + performance.now(), monotonic: () => performance.now() };
  const changes: string[] = [];
  const link = new Link({
    dial: await redisDial(new Secret(url)),
    clock: own,
    id: "a",
    time: clock.now,
    changed: (isUp, why) => void changes.push(isUp ? "up" : why),
    paused: () => {},
  });
  const store = new SharedLimitStore({ link, clock });
  before(store);
  await link.begin(store);
  return {
    store,
    pass: clock.pass,
    done: async () => void (await link.run("leave", [link.key("none")], ["none"])),
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      // A busy machine may not let Redis answer in time; then it was not Redis that was tested.
      assert.deepEqual(changes, ["up"]);
    },
  };
}

let scopes = 0;
/** A scope of its own, of which nothing was used. */
function newScope(limits: Parameters<typeof scopeOf>[2], kind: ScopeKind = "key"): Scope {
  const scope = scopeOf(kind, `s${++scopes}`, limits);
  assert.ok(scope !== undefined);
  return scope;
}

const want = (scope: Scope, amount: number, index = 0): Want => {
  const rule = scope.rules[index];
  assert.ok(rule !== undefined);
  return { scope, rule, amount };
};

async function taken(store: LimitStore, ...wants: Want[]): Promise<Reservation> {
  const outcome = await store.reserve(wants, []);
  assert.ok(outcome.ok, "it was refused");
  return outcome.reservation;
}

async function waitFor(store: LimitStore, ...wants: Want[]): Promise<number> {
  const outcome = await store.reserve(wants, []);
  assert.ok(!outcome.ok, "it was let in");
  return outcome.refusal.wait;
}

const scenarios: { readonly [name: string]: (rig: Rig) => Promise<void> } = {
  "all wants are counted, or none": async ({ store }) => {
    const narrow = newScope({ requestsPerMinute: 1 });
    const wide = newScope({ requestsPerMinute: 9 });
    await taken(store, want(wide, 1), want(narrow, 1));
    assert.equal(await waitFor(store, want(wide, 1), want(narrow, 1)), 61_000);
    await taken(store, want(wide, 8));
    assert.ok((await waitFor(store, want(wide, 1))) > 0);
  },
  "of several limits the one that must be waited for longest is named": async ({ store, pass }) => {
    const [one, other] = [newScope({ requestsPerMinute: 1 }), newScope({ requestsPerMinute: 1 })];
    await taken(store, want(one, 1));
    pass(5000);
    await taken(store, want(other, 1));
    const outcome = await store.reserve([want(one, 1), want(other, 1)], []);
    assert.deepEqual(outcome, {
      ok: false,
      refusal: { kind: "key", id: other.id, limit: "requestsPerMinute", words: "1 requests per minute", wait: 61_000 },
    });
  },
  "what was used counts for the whole window, and a step more": async ({ store, pass }) => {
    const scope = newScope({ requestsPerMinute: 2 });
    pass(500);
    await taken(store, want(scope, 1));
    pass(30_000);
    await taken(store, want(scope, 1));
    assert.equal(await waitFor(store, want(scope, 1)), 30_500);
    pass(30_499);
    assert.equal(await waitFor(store, want(scope, 1)), 1);
    pass(1);
    await taken(store, want(scope, 1));
    assert.ok((await waitFor(store, want(scope, 1))) > 0);
    pass(200_000);
    await taken(store, want(scope, 2));
  },
  "less than foreseen was never used; more counts from when it is known": async ({ store, pass, done }) => {
    const scope = newScope({ tokensPerMinute: 100 });
    const first = await taken(store, want(scope, 60));
    store.settle(first, { tokens: 10 });
    await done();
    const second = await taken(store, want(scope, 90));
    pass(50_000);
    store.settle(second, { tokens: 95 });
    await done();
    assert.equal(await waitFor(store, want(scope, 1)), 11_000);
    pass(11_000);
    assert.equal(await waitFor(store, want(scope, 96)), 50_000);
    await taken(store, want(scope, 95));
  },
  "what nobody knows stays counted as foreseen, and what was never sent does not": async ({ store, done }) => {
    const scope = newScope({ requestsPerMinute: 3, tokensPerMinute: 100 });
    const both = (tokens: number) => [want(scope, 1), want(scope, tokens, 1)];
    store.settle(await taken(store, ...both(40)), {});
    store.settle(await taken(store, ...both(60)), { requests: 0, tokens: 0 });
    await done();
    await taken(store, ...both(60));
    assert.ok((await waitFor(store, want(scope, 1, 1))) > 0);
    await taken(store, want(scope, 1));
    assert.ok((await waitFor(store, want(scope, 1))) > 0);
  },
  "tokens beyond the whole limit take all there is; money beyond it is refused for ever": async ({ store }) => {
    const scope = newScope({ tokensPerMinute: 100, microDollarsPerDay: 1000 });
    await taken(store, want(scope, 5000));
    assert.ok((await waitFor(store, want(scope, 1))) > 0);
    assert.equal(await waitFor(store, want(scope, 1001, 1)), Infinity);
    await taken(store, want(scope, 1000, 1));
    assert.equal(await waitFor(store, want(scope, 1, 1)), day / 2);
  },
  "a day begins anew at midnight, and what was begun before is its own": async ({ store, pass, done }) => {
    const scope = newScope({ microDollarsPerDay: 1000, microDollarsPerMonth: 1500 });
    const before = await taken(store, want(scope, 900), want(scope, 900, 1));
    pass(day / 2 - 1);
    assert.equal(await waitFor(store, want(scope, 200)), 1);
    pass(1);
    store.settle(before, { money: 5000 });
    await done();
    // It is February, too.
    await taken(store, want(scope, 1000), want(scope, 1000, 1));
    assert.ok((await waitFor(store, want(scope, 1))) > 0);
    pass(day);
    await taken(store, want(scope, 500), want(scope, 500, 1));
    assert.equal(await waitFor(store, want(scope, 1, 1)), 27 * day);
  },
  "a window of a day is one": async ({ store, pass }) => {
    const scope = newScope({ tokensPerDay: 100 });
    await taken(store, want(scope, 100));
    assert.equal(await waitFor(store, want(scope, 100)), day + 300_000);
    pass(day + 299_999);
    assert.equal(await waitFor(store, want(scope, 1)), 1);
    pass(1);
    await taken(store, want(scope, 100));
  },
  "what is used is told, and when it will be no more": async ({ store, pass, done }) => {
    const scope = newScope({ tokensPerMinute: 100 });
    const rule = want(scope, 0).rule;
    const reservation = await taken(store, want(scope, 60));
    assert.deepEqual(store.state(scope, rule), { used: 60, rest: 61_000 });
    pass(10_000);
    store.settle(reservation, { tokens: 25 });
    await done();
    assert.deepEqual(store.state(scope, rule), { used: 25, rest: 51_000 });
    pass(51_000);
    assert.deepEqual(store.state(scope, rule), { used: 0, rest: 0 });
  },
  "what was refused is known to be without room, for as much": async ({ store }) => {
    const scope = newScope({ tokensPerMinute: 100 });
    await taken(store, want(scope, 90));
    await waitFor(store, want(scope, 11));
    assert.deepEqual([store.refusal([want(scope, 10)]), store.refusal([want(scope, 11)])?.wait], [undefined, 61_000]);
  },
};

/** Limits by their definition, slowly: everything that was ever used, each time added up. */
class Reference {
  readonly #used: { name: string; place: number; amount: number }[] = [];

  take(scope: Scope, rule: Rule, amount: number, now: number): void {
    this.#used.push({ name: scope.id + rule.name, place: this.#place(rule.period, now), amount });
  }

  wait(scope: Scope, rule: Rule, amount: number, now: number): number {
    const moments = [now, ...this.#counting(scope, rule, now).map((each) => this.#end(rule.period, each.place))];
    const fits = moments.filter((at) => {
      const sum = this.#counting(scope, rule, at).reduce((total, each) => total + each.amount, 0);
      return sum + amount <= rule.limit;
    });
    return fits.length === 0 ? Infinity : Math.min(...fits) - now;
  }

  #counting(scope: Scope, rule: Rule, now: number) {
    const name = scope.id + rule.name;
    return this.#used.filter((each) => each.name === name && this.#end(rule.period, each.place) > now);
  }

  #place(period: Period, now: number): number {
    if (period === "minute") return Math.floor(now / 1000) * 1000;
    if (period === "day") return Math.floor(now / 300_000) * 300_000;
    return Math.floor(now / day) * day;
  }

  #end(period: Period, place: number): number {
    return place + (period === "minute" ? 61_000 : period === "day" ? day + 300_000 : day);
  }
}

const moves = fc.array(
  fc.record({
    pass: fc.oneof(fc.nat(3000), fc.constant(0), fc.nat(40_000), fc.nat(day / 3)),
    amounts: fc.tuple(fc.nat(3), fc.nat(40), fc.nat(60)),
    used: fc.option(fc.nat(50)),
  }),
  { maxLength: 40 },
);

/** Lets in exactly what the reference would. */
async function behaves(make: () => Promise<Rig>, numRuns: number): Promise<void> {
  await using rig = await make();
  const { store } = rig;
  let now = noon;
  const property = fc.asyncProperty(moves, async (all) => {
    const scope = newScope({ requestsPerMinute: 4, tokensPerDay: 100, microDollarsPerDay: 120 });
    const reference = new Reference();
    for (const { pass, amounts, used } of all) {
      rig.pass(pass);
      now += pass;
      const wants = scope.rules.map((rule, index) => ({ scope, rule, amount: amounts[index] ?? 0 }));
      const waits = wants.map(({ rule, amount }) => reference.wait(scope, rule, amount, now));
      const outcome = await store.reserve(wants, []);
      assert.equal(outcome.ok ? 0 : outcome.refusal.wait, Math.max(...waits));
      if (!outcome.ok) continue;
      for (const { rule, amount } of wants) {
        const known = rule.unit === "requests" ? null : used;
        reference.take(scope, rule, known ?? amount, now);
      }
      store.settle(outcome.reservation, used === null ? {} : { tokens: used, money: used });
    }
  });
  await fc.assert(property, { numRuns });
}

for (const [name, run] of Object.entries(scenarios)) {
  test(`memory: ${name}`, async () => {
    await using rig = await memoryRig();
    await run(rig);
  });
}

test("memory: lets in what the definition does", () => behaves(memoryRig, 300));

redisTest("Redis: all scenarios of memory", async () => {
  await using redis = await startRedis();
  for (const [name, run] of Object.entries(scenarios)) {
    await using rig = await redisRig(redis.url);
    await run(rig).catch((error: unknown) => {
      throw new Error(name, { cause: error });
    });
  }
});

redisTest("Redis: lets in what the definition does", async () => {
  await using redis = await startRedis();
  await behaves(() => redisRig(redis.url), 100);
});

redisTest("Redis: what was used before is told to one that knows nothing, and not to one that knows", async () => {
  await using redis = await startRedis();
  const scope = newScope({ tokensPerDay: 100 });
  const { rule } = want(scope, 0);
  const before = (store: LimitStore) => store.restore(scope, rule, { amount: 60, age: day / 2 });
  for (let start = 0; start < 2; start++) {
    await using rig = await redisRig(redis.url, before);
    // Either way it is the same 60.
    assert.equal(await waitFor(rig.store, want(scope, 41)), day / 2 + 300_000);
  }
});

redisTest("Redis: a reservation that was given up and carried out after all counts once", async () => {
  await using redis = await startRedis();
  await using proxy = await startProxy(redis.port);
  const clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const dial = await redisDial(new Secret(`redis://127.0.0.1:${proxy.port}`));
  const link = new Link({ dial, clock, id: "a", changed: () => {}, paused: () => {} });
  const store = new SharedLimitStore({ link, clock });
  await link.begin(store);
  const scope = newScope({ tokensPerDay: 100 });
  const sum = () => redis.run("HGET", `{patchbay:1}:limit:key:${scope.id}:tokensPerDay`, "s");
  proxy.slow(90);
  await taken(store, want(scope, 10));
  assert.equal(link.failures > 0, true);
  await proxy.heal();
  assert.match(await sum(), /10$/);
  // It is told of what was decided here, and to forget what it counted itself.
  await new Promise((resolve) => setTimeout(resolve, 700));
  if (link.failures < 3) assert.match(await sum(), /\n10$/);
  assert.equal(store.state(scope, want(scope, 0).rule).used, 10);
  await link[Symbol.asyncDispose]();
});
