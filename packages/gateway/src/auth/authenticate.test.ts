import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { Secret } from "../kernel/secret.ts";
import type { KeyStore, StoredKey } from "../store/ports.ts";
import { openStore } from "../store/sqlite.ts";
import { type AccessRules, Authenticator } from "./authenticate.ts";
import type { Credentials } from "./credentials.ts";
import { formatKey } from "./key-format.ts";
import { createKey } from "./keys.ts";

const now = 1_700_000_000_000;
/** Steps by more than the store is trusted for, unless it is stopped. */
let elapsed = 0;
let step = 11;
const clock = { now: () => now, monotonic: () => (elapsed += step) };
const pepper = Buffer.alloc(32, 1);
const remote = { loopback: false };
const local = { loopback: true };

/** Keys in memory that count how often they are asked. */
class CountingKeys implements KeyStore {
  keys: StoredKey[] = [];
  lookups = 0;
  snapshots = 0;
  current = 1;
  broken = false;

  add(fields: Partial<StoredKey> = {}): string {
    const { key, stored } = createKey({ name: "laptop", now, pepper });
    this.keys.push({ ...stored, ...fields });
    this.current += 1;
    return key;
  }

  version(): number {
    this.lookups += 1;
    if (this.broken) throw new Error("disk on fire");
    return this.current;
  }
  snapshot(): readonly StoredKey[] {
    this.snapshots += 1;
    if (this.broken) throw new Error("disk on fire");
    return this.keys;
  }
  pepper(): Buffer {
    this.lookups += 1;
    if (this.broken) throw new Error("disk on fire");
    return pepper;
  }
  async list(): Promise<readonly StoredKey[]> {
    return this.keys;
  }
  async insert(key: StoredKey): Promise<void> {
    this.keys.push(key);
  }
  async revoke(): Promise<boolean> {
    return false;
  }
}

function authenticator(keys: KeyStore, access: Partial<AccessRules> = {}, boundToLoopback = true): Authenticator {
  return new Authenticator({
    access: { open: "never", fixedKeys: [], ...access },
    keys,
    clock,
    boundToLoopback,
  });
}

/** The outcome in a word: the identity's kind, or the failure's. */
function outcome(subject: Authenticator, credentials: Credentials, peer = remote): string {
  const result = subject.authenticate(credentials, peer);
  return result.ok ? result.value.kind : result.failure.kind;
}

function messageOf(subject: Authenticator, credentials: Credentials): string {
  const result = subject.authenticate(credentials, remote);
  return result.ok ? "accepted" : JSON.stringify(result.failure);
}

const carriers: readonly (readonly [string, (key: string) => Credentials])[] = [
  ["Authorization: Bearer", (key) => ({ authorization: `Bearer ${key}` })],
  ["bearer in small letters, with many blanks", (key) => ({ authorization: ` bearer \t  ${key}  ` })],
  ["x-api-key", (key) => ({ xApiKey: key })],
  ["api-key", (key) => ({ apiKey: ` ${key}` })],
  ["x-goog-api-key", (key) => ({ xGoogApiKey: key })],
  ["?key=", (key) => ({ queryKey: key })],
];

for (const [name, carry] of carriers) {
  test(`${name}: a good key is accepted, others are not`, () => {
    const keys = new CountingKeys();
    const good = keys.add({ name: "mine", models: ["a"] });
    const bad = {
      expired: keys.add({ expiresAt: now }),
      revoked: keys.add({ revokedAt: now - 1 }),
      damaged: keys.add({ hash: "00" }),
      unknown: new CountingKeys().add(),
      wrong: formatKey({ id: good.slice(4, 12), secret: "x".repeat(43) }),
      mistyped: `${good.slice(0, -1)}-`,
      foreign: "sk-proj-1234",
    };
    const subject = authenticator(keys);
    assert.deepEqual(subject.authenticate(carry(good), remote), {
      ok: true,
      value: { kind: "key", id: good.slice(4, 12), name: "mine", models: ["a"] },
    });
    const messages = Object.values(bad).map((key) => messageOf(subject, carry(key)));
    assert.match(messages[0] ?? "", /"kind":"unauthorized"/);
    assert.equal(new Set(messages).size, 1, "every refusal reads the same");
  });
}

test("a key that expires later is good until then", () => {
  const keys = new CountingKeys();
  const key = keys.add({ expiresAt: now + 1 });
  assert.equal(outcome(authenticator(keys), { xApiKey: key }), "key");
});

test("a key that was proved once is good again, and nothing near it ever is", () => {
  const keys = new CountingKeys();
  const [key, other] = [keys.add(), keys.add()];
  const subject = authenticator(keys);
  const near = key.split("").flatMap((letter, index) => {
    const [before, behind] = [key.slice(0, index), key.slice(index + 1)];
    const letters = [letter === "a" ? "b" : "a", "\u00e1", "\u0161", String.fromCharCode(letter.charCodeAt(0) + 256)];
    return [...letters.map((wrong) => before + wrong + behind), before + behind];
  });
  const swapped = [key.slice(0, 12) + other.slice(12), other.slice(0, 12) + key.slice(12), `${key}0`];
  const refuse = (wrong: string) => assert.equal(outcome(subject, { xApiKey: wrong }), "unauthorized", wrong);
  for (const wrong of [...near, ...swapped]) refuse(wrong);
  assert.equal(outcome(subject, { xApiKey: other }), "key");
  for (const wrong of [...near, ...swapped]) {
    assert.equal(outcome(subject, { xApiKey: key }), "key");
    refuse(wrong);
  }
});

test("a proved key ends with its time and with its revocation", () => {
  const keys = new CountingKeys();
  let time = now;
  const subject = new Authenticator({
    access: { open: "never", fixedKeys: [] },
    keys,
    boundToLoopback: true,
    clock: { ...clock, now: () => time },
  });
  const key = keys.add({ expiresAt: now + 5 });
  assert.equal(outcome(subject, { xApiKey: key }), "key");
  time = now + 5;
  assert.equal(outcome(subject, { xApiKey: key }), "unauthorized");
  const revoked = keys.add();
  assert.equal(outcome(subject, { xApiKey: revoked }), "key");
  keys.keys = keys.keys.map((each) => (revoked.includes(each.id) ? { ...each, revokedAt: now } : each));
  keys.current += 1;
  assert.equal(outcome(subject, { xApiKey: revoked }), "unauthorized");
});

test("without a key, the answer says how to make and send one", () => {
  const subject = authenticator(new CountingKeys());
  const nothing: readonly Credentials[] = [
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Bearer   " },
    { xApiKey: " ", apiKey: undefined },
  ];
  for (const credentials of nothing) {
    assert.equal(outcome(subject, credentials), "unauthorized");
    assert.match(messageOf(subject, credentials), /patchbay keys create.*Bearer.*x-api-key.*x-goog-api-key/);
  }
});

test("an Authorization header that is not Bearer is refused with the form it needs", () => {
  const keys = new CountingKeys();
  const key = keys.add();
  const subject = authenticator(keys);
  for (const authorization of [
    key,
    `Basic ${key}`,
    "Basic dXNlcjpwYXNz",
    `Token ${key}`,
    `Bearer:${key}`,
    `\0Bearer ${key}`,
  ]) {
    assert.equal(outcome(subject, { authorization }), "unauthorized", authorization);
    assert.match(messageOf(subject, { authorization }), /must read `Bearer KEY`/, authorization);
  }
});

test("two different keys are a bad request, whichever carriers they come in; the same one twice is fine", () => {
  const keys = new CountingKeys();
  const [one, two] = [keys.add(), keys.add()];
  const subject = authenticator(keys);
  for (const [, first] of carriers) {
    for (const [, second] of carriers) {
      const same = { ...first(one), ...second(one) };
      assert.equal(outcome(subject, same), "key");
      for (const other of [two, "dummy"]) {
        const both = { ...first(one), ...second(other) };
        if (Object.keys(both).length < 2) continue;
        assert.equal(outcome(subject, both), "bad-request");
      }
    }
  }
});

test("10,000 junk keys cause no look-up at all, and all read the same", () => {
  const keys = new CountingKeys();
  const good = keys.add();
  const subject = authenticator(keys);
  const messages = new Set<string>();
  for (let index = 0; index < 10_000; index += 1) {
    const junk = [`pbk_${index}`, `${good.slice(0, 20)}${index}`.padEnd(63, "0"), `';-- ${index}`, `${good}${index}`];
    messages.add(messageOf(subject, { xApiKey: junk[index % junk.length] }));
  }
  assert.equal(messages.size, 1);
  assert.deepEqual([keys.lookups, keys.snapshots], [0, 0]);
});

const hostile: readonly (readonly [string, string])[] = [
  ["ten kilobytes", "a".repeat(10_240)],
  ["ten kilobytes of our form", "pbk_".padEnd(10_240, "a")],
  ["a zero byte", "pbk_\0"],
  ["no ASCII", "пароль-密码"],
  ["a lone surrogate", "\ud800"],
  ["a blank inside", "one two"],
  ["a line end inside", "one\r\ntwo"],
  ["__proto__", "__proto__"],
];
for (const [name, key] of hostile) {
  for (const access of ["never", "always"] as const) {
    test(`${name} as a key, open ${access}: refused or ignored, never thrown`, () => {
      const keys = new CountingKeys();
      const fixedKeys = [{ name: "API_KEY", key: new Secret("fixed-key") }];
      const subject = authenticator(keys, { open: access, fixedKeys });
      const ignored = access === "always" && !key.startsWith("pbk_");
      for (const [, carry] of carriers) assert.equal(outcome(subject, carry(key)), ignored ? "open" : "unauthorized");
      assert.equal(keys.lookups, 0);
    });
  }
}

test("any text in any carrier is answered, and never with an identity", () => {
  const text = fc.option(fc.string({ unit: "binary" }), { nil: undefined });
  const credentials = fc.record({
    authorization: text,
    xApiKey: text,
    apiKey: text,
    xGoogApiKey: text,
    queryKey: text,
  });
  const subject = authenticator(new CountingKeys());
  fc.assert(fc.property(credentials, (sent) => assert.match(outcome(subject, sent), /^(unauthorized|bad-request)$/)));
});

const openness: readonly (readonly [AccessRules["open"], boolean, boolean, boolean])[] = [
  // Rule, bound to loopback, peer on loopback: open?
  ["loopback", true, true, true],
  ["loopback", true, false, false],
  ["loopback", false, true, false],
  ["loopback", false, false, false],
  ["always", true, true, true],
  ["always", false, false, true],
  ["never", true, true, false],
  ["never", false, false, false],
];
for (const [open, bound, loopback, expected] of openness) {
  const scene = `open ${open}, listener ${bound ? "" : "not "}on loopback, peer ${loopback ? "" : "not "}on loopback`;
  test(`${scene}: ${expected ? "no key is needed" : "a key is needed"}`, () => {
    const keys = new CountingKeys();
    const good = keys.add();
    const subject = authenticator(keys, { open }, bound);
    assert.equal(outcome(subject, {}, { loopback }), expected ? "open" : "unauthorized");
    assert.equal(outcome(subject, { xApiKey: "dummy" }, { loopback }), expected ? "open" : "unauthorized");
    assert.equal(outcome(subject, { xApiKey: good }, { loopback }), "key");
  });
}

test("where access is open, what claims to be a key of ours must be one, and made-up keys mean nothing", () => {
  const keys = new CountingKeys();
  const [good, other, revoked] = [keys.add(), keys.add(), keys.add({ revokedAt: 1 })];
  const subject = authenticator(keys, { open: "loopback" });
  const cases: readonly (readonly [Credentials, string])[] = [
    [{ authorization: "Bearer sk-dummy", xApiKey: "another-dummy" }, "open"],
    [{ authorization: "Basic dXNlcjpwYXNz" }, "open"],
    [{ authorization: "dummy" }, "open"],
    [{ authorization: "Bearer sk-dummy", xApiKey: good }, "key"],
    [{ authorization: `Bearer ${good}`, xApiKey: good }, "key"],
    [{ authorization: `Bearer ${good}`, xApiKey: other }, "bad-request"],
    [{ authorization: `Bearer ${good}`, xApiKey: revoked }, "unauthorized"],
    [{ xApiKey: revoked }, "unauthorized"],
    [{ xApiKey: `${good}x` }, "unauthorized"],
    [{ xApiKey: "pbk_" }, "unauthorized"],
    [{ authorization: good }, "unauthorized"],
  ];
  for (const [credentials, expected] of cases) {
    assert.equal(outcome(subject, credentials, local), expected, JSON.stringify(credentials));
  }
});

test("fixed keys are accepted by name, exactly", () => {
  const fixedKeys = [
    { name: "PROXY_API_KEY", key: new Secret("hunter2") },
    { name: "API_KEY", key: new Secret("pbk_looks_like_ours") },
  ];
  const subject = authenticator(new CountingKeys(), { fixedKeys });
  const result = subject.authenticate({ authorization: "Bearer hunter2" }, remote);
  assert.deepEqual(result, { ok: true, value: { kind: "fixed", name: "PROXY_API_KEY" } });
  for (const key of ["hunter", "hunter22", "Hunter2", "hunter2\0"]) {
    assert.equal(outcome(subject, { xApiKey: key }), "unauthorized", key);
  }
  for (const open of ["never", "always"] as const) {
    const other = authenticator(new CountingKeys(), { open, fixedKeys });
    assert.equal(outcome(other, { xApiKey: "pbk_looks_like_ours" }), "fixed");
    assert.equal(outcome(other, { xApiKey: "hunter2" }), "fixed");
  }
  assert.ok(!JSON.stringify(result).includes("hunter2"));
});

test("a fixed key that can never be matched is named, and lets nobody in", () => {
  const values = ["", " ", "schlüssel", "a b", "a".repeat(1_025)];
  const fixedKeys = values.map((value, index) => ({
    name: `KEY_${index}`,
    key: new Secret(value),
  }));
  const subject = authenticator(new CountingKeys(), { fixedKeys });
  assert.equal(subject.problems.length, values.length);
  assert.match(subject.problems[2] ?? "", /^KEY_2 can never be matched/);
  assert.ok(!subject.problems.join().includes("schlüssel"));
  for (const value of values) assert.equal(outcome(subject, { xApiKey: value }), "unauthorized");
});

test("keys are read again when they changed, and only then", () => {
  const keys = new CountingKeys();
  const key = keys.add();
  const subject = authenticator(keys);
  for (let count = 0; count < 5; count += 1) assert.equal(outcome(subject, { xApiKey: key }), "key");
  assert.equal(keys.snapshots, 1);
  const later = keys.add();
  assert.equal(outcome(subject, { xApiKey: later }), "key");
  assert.equal(keys.snapshots, 2);
});

test("within 10 ms the store is asked once", () => {
  const keys = new CountingKeys();
  const key = keys.add();
  const subject = authenticator(keys);
  assert.equal(outcome(subject, { xApiKey: key }), "key");
  step = 0;
  try {
    const later = keys.add();
    assert.equal(outcome(subject, { xApiKey: later }), "unauthorized");
    elapsed += 10;
    assert.equal(outcome(subject, { xApiKey: later }), "key");
  } finally {
    step = 11;
  }
});

test("a store that fails locks nobody out whom it knew, and is counted", () => {
  const keys = new CountingKeys();
  const key = keys.add();
  const subject = authenticator(keys);
  assert.equal(outcome(subject, { xApiKey: key }), "key");
  keys.broken = true;
  assert.equal(outcome(subject, { xApiKey: key }), "key");
  assert.equal(subject.storeFailures, 1);
  keys.broken = false;
  keys.keys = [];
  keys.current += 1;
  assert.equal(outcome(subject, { xApiKey: key }), "unauthorized");
});

test("a store that could never be read lets nobody in, and says that it is not the key's fault", () => {
  const keys = new CountingKeys();
  const key = keys.add();
  keys.broken = true;
  const subject = authenticator(keys);
  assert.equal(outcome(subject, { xApiKey: key }), "internal");
  assert.match(messageOf(subject, { xApiKey: key }), /patchbay doctor/);
  keys.broken = false;
  assert.equal(outcome(subject, { xApiKey: key }), "key");
});

test("a key made and revoked by another process works and stops working with the next request", async () => {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-auth-"));
  try {
    const file = join(directory, "patchbay.db");
    await using store = openStore({ file, clock });
    const subject = authenticator(store.keys);
    assert.equal(outcome(subject, { xApiKey: formatKey({ id: "abcdefgh", secret: "s".repeat(43) }) }), "unauthorized");
    const elsewhere = (script: string): string => {
      const prelude = ["../store/sqlite.ts", "./keys.ts"]
        .map((path, index) => `const m${index} = await import(${JSON.stringify(new URL(path, import.meta.url).href)});`)
        .join("");
      const open = `await using store = m0.openStore({ file: process.argv[1], clock: { now: () => 1, monotonic: () => 1 } });`;
      const run = spawnSync(process.execPath, ["--input-type=module", "--eval", prelude + open + script, file]);
      assert.equal(run.status, 0, run.stderr.toString());
      return run.stdout.toString();
    };
    const key = elsewhere(`
      const { key, stored } = m1.createKey({ name: "a", now: 1, pepper: store.keys.pepper() });
      await store.keys.insert(stored);
      process.stdout.write(key);
    `);
    assert.equal(outcome(subject, { xApiKey: key }), "key");
    elsewhere(`if (!(await store.keys.revoke(${JSON.stringify(key.slice(4, 12))}, 2))) throw new Error("no key");`);
    assert.equal(outcome(subject, { xApiKey: key }), "unauthorized");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
