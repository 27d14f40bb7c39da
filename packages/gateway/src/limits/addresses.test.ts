import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressLimits, placeOf } from "./addresses.ts";

/** Addresses, and whom they stand for. */
const places: readonly (readonly [address: string | undefined, place: string])[] = [
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"],
  ["2001:0DB8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  [undefined, ""],
];
for (const [address, place] of places) {
  test(`${address ?? "no address"} counts as ${place || "one of nobody"}`, () => assert.equal(placeOf(address), place));
}

test("an address may come so often in any window, and others as often", () => {
  let now = 0;
  const limits = new AddressLimits({ monotonic: () => now });
  const rule = { window: 60_000, chat: 2 };
  const take = (address: string) => limits.take(address, rule, "chat");
  assert.deepEqual([take("a"), take("a"), take("b")], [undefined, undefined, undefined]);
  assert.equal(take("a"), 65_000);
  now = 65_000;
  assert.equal(take("a"), undefined);
  assert.equal(limits.take("a", rule, "requests"), undefined);
});

test("looking counts nothing", () => {
  const limits = new AddressLimits({ monotonic: () => 0 });
  const rule = { window: 60_000, auth: 1 };
  assert.equal(limits.look("a", rule, "auth"), undefined);
  assert.equal(limits.look("a", rule, "auth"), undefined);
  limits.take("a", rule, "auth");
  assert.ok((limits.look("a", rule, "auth") ?? 0) > 0);
});

test("a flood of addresses takes bounded memory, and frees nobody of the limit", () => {
  let now = 0;
  const limits = new AddressLimits({ monotonic: () => now });
  const rule = { window: 60_000, requests: 3 };
  let passed = 0;
  for (let index = 0; index < 50_000; index++) {
    if (limits.take(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, rule, "requests") === undefined) passed++;
  }
  assert.ok(limits.size <= 10_000);
  assert.ok(passed <= 10_000 + 256 * 3, `${passed} passed`);
  now = 70_000;
  assert.equal(limits.take("192.0.2.1", rule, "requests"), undefined);
  assert.ok(limits.size < 100);
});
