import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { test } from "node:test";
import { guardedConnector, guardLookup, isAllowedAddress, OutboundRefused } from "./door.ts";

const addresses: readonly (readonly [address: string, allowed: boolean, what: string])[] = [
  ["127.0.0.1", true, "loopback"],
  ["127.8.9.10", true, "loopback"],
  ["10.0.0.5", true, "a private network"],
  ["172.16.3.4", true, "a private network"],
  ["192.168.1.20", true, "a private network"],
  ["100.64.0.1", true, "a carrier's network"],
  ["8.8.8.8", true, "the internet"],
  ["223.255.255.254", true, "the internet's last address"],
  ["169.253.255.255", true, "the neighbour of link-local"],
  ["169.255.0.0", true, "the neighbour of link-local"],
  ["100.100.100.201", true, "the neighbour of a metadata service"],
  ["169.254.169.254", false, "the metadata service"],
  ["169.254.170.2", false, "container credentials of AWS"],
  ["169.254.0.1", false, "link-local"],
  ["100.100.100.200", false, "the metadata service of Alibaba Cloud"],
  ["168.63.129.16", false, "the wire server of Azure"],
  ["0.0.0.0", false, "this network"],
  ["0.1.2.3", false, "this network"],
  ["224.0.0.1", false, "multicast"],
  ["239.255.255.250", false, "multicast"],
  ["240.0.0.1", false, "reserved"],
  ["255.255.255.255", false, "broadcast"],
  ["::1", true, "loopback"],
  ["2606:4700::1111", true, "the internet"],
  ["fd12:3456::1", true, "a private network"],
  ["2002:7f00:1::", true, "6to4 of loopback"],
  ["::ffff:127.0.0.1", true, "mapped loopback"],
  ["::ffff:10.0.0.5", true, "a mapped private address"],
  ["64:ff9b::8.8.8.8", true, "NAT64 of the internet"],
  ["::", false, "no address"],
  ["fe80::1", false, "link-local"],
  ["fe80::a9fe:a9fe", false, "link-local"],
  ["febf::1", false, "the last of link-local"],
  ["ff02::1", false, "multicast"],
  ["fd00:ec2::254", false, "the metadata service of AWS"],
  ["fd20:ce::254", false, "the metadata service of Google Cloud"],
  ["fd00:42::42", false, "the metadata service of Scaleway"],
  ["fd00:0ec2:0:0:0:0:0:0254", false, "the metadata service of AWS, written out"],
  ["::ffff:169.254.169.254", false, "mapped metadata"],
  ["::ffff:a9fe:a9fe", false, "mapped metadata in hexadecimal"],
  ["0:0:0:0:0:ffff:a9fe:a9fe", false, "mapped metadata, written out"],
  ["::169.254.169.254", false, "compatible metadata"],
  ["64:ff9b::169.254.169.254", false, "NAT64 of metadata"],
  ["64:ff9b::a9fe:a9fe", false, "NAT64 of metadata in hexadecimal"],
  ["2002:a9fe:a9fe::", false, "6to4 of metadata"],
  ["2002:a9fe:a9fe::1", false, "6to4 of metadata"],
  ["::ffff:0.0.0.0", false, "mapped this network"],
  ["", false, "nothing"],
  ["localhost", false, "a name"],
  ["169.254.169.254.", false, "no address"],
  ["1.2.3", false, "no address"],
];
for (const [address, allowed, what] of addresses) {
  test(`${address || "an empty text"} (${what}) is ${allowed ? "let through" : "refused"}`, () => {
    assert.equal(isAllowedAddress(address), allowed);
  });
}

const publicAddresses: readonly (readonly [address: string, allowed: boolean])[] = [
  ["8.8.8.8", true],
  ["172.32.0.1", true],
  ["2606:4700::1111", true],
  ["64:ff9b::8.8.8.8", true],
  ["::ffff:8.8.8.8", true],
  ["2002:808:808::1", true],
  ["127.0.0.1", false],
  ["127.255.255.254", false],
  ["10.0.0.5", false],
  ["172.16.3.4", false],
  ["192.168.1.20", false],
  ["100.64.0.1", false],
  ["198.18.0.1", false],
  ["192.0.0.8", false],
  ["169.254.169.254", false],
  ["0.0.0.0", false],
  ["::1", false],
  ["::", false],
  ["fd12:3456::1", false],
  ["fc00::1", false],
  ["fe80::1", false],
  ["fec0::1", false],
  ["::ffff:127.0.0.1", false],
  ["::ffff:a00:5", false],
  ["::127.0.0.1", false],
  ["::ffff:0:7f00:1", false],
  ["64:ff9b::127.0.0.1", false],
  ["64:ff9b:1::7f00:1", false],
  ["2002:7f00:1::", false],
  ["2002:a00:5::1", false],
  ["2001::1", false],
  ["5f00::1", false],
];
for (const [address, allowed] of publicAddresses) {
  test(`${address} is ${allowed ? "" : "not "}a public address`, () => {
    assert.equal(isAllowedAddress(address, "public"), allowed);
  });
}

/** What a URL's parser makes of other ways to write an address; undici connects to that. */
const urls: readonly string[] = [
  "http://169.254.169.254/v1",
  "http://2852039166/v1",
  "http://0xa9fea9fe/v1",
  "http://0251.0376.0251.0376/v1",
  "http://169.254.43518/v1",
  "http://[::ffff:169.254.169.254]/v1",
  "http://[fe80::1]/v1",
  "http://0/v1",
  "http://①⑥⑨.254.169.254/v1",
];
for (const url of urls) {
  test(`a connection to ${url} is refused`, async () => {
    const { hostname, protocol } = new URL(url);
    const connect = guardedConnector(500);
    const error = await new Promise<unknown>((resolve) => {
      connect({ hostname, host: hostname, protocol, port: "80" }, (...[problem]) => resolve(problem));
    });
    assert.ok(error instanceof OutboundRefused);
  });
}

interface Found {
  readonly error: unknown;
  readonly address: unknown;
}

function resolveWith(found: readonly LookupAddress[] | Error, all: boolean): Promise<Found> {
  const guarded = guardLookup((_hostname, options, callback) => {
    assert.equal(options.all, true, "a lookup that is given one address judges only that one");
    if (found instanceof Error) callback(found, []);
    else callback(null, [...found]);
  });
  return new Promise((resolve) => {
    guarded("upstream.test", { all }, (error, address) => resolve({ error, address }));
  });
}

const good: LookupAddress = { address: "192.168.1.20", family: 4 };
const goodToo: LookupAddress = { address: "2606:4700::1111", family: 6 };
const bad: LookupAddress = { address: "169.254.169.254", family: 4 };
const badToo: LookupAddress = { address: "::ffff:a9fe:a9fe", family: 6 };

for (const all of [true, false]) {
  const wanted = all ? "all addresses" : "one address";
  test(`a name with good addresses resolves when ${wanted} are wanted`, async () => {
    const { error, address } = await resolveWith([good, goodToo], all);
    assert.equal(error, null);
    assert.deepEqual(address, all ? [good, goodToo] : good.address);
  });
  for (const found of [[bad], [badToo], [good, bad], [bad, good], [goodToo, badToo], []]) {
    const names = found.map(({ address }) => address).join(", ") || "nothing";
    test(`a name that resolves to ${names} is refused when ${wanted} are wanted`, async () => {
      const { error } = await resolveWith(found, all);
      assert.ok(error instanceof OutboundRefused);
      assert.match(error.message, /upstream\.test/);
    });
  }
}

test("an error of the resolver stays what it is", async () => {
  const problem = Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
  assert.equal((await resolveWith(problem, true)).error, problem);
});
