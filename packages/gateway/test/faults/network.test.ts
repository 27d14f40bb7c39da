import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ask } from "../support/exchange.ts";
import { startHouse } from "../support/house.ts";
import { close, listen } from "../support/port.ts";
import { field } from "../support/read-stream.ts";
import { startUpstream } from "../support/upstream.ts";

/** What stands between the gateway and an upstream: names and TLS. */
const plain = await startUpstream();
const fallback = await startUpstream();
let served = 0;

/** A server with a certificate that nobody vouches for; undefined where there is no openssl to make one. */
async function selfSigned(): Promise<{ readonly port: number; readonly close: () => Promise<void> } | undefined> {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-tls-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(directory, name));
  if (key === undefined || cert === undefined) return undefined;
  try {
    const pair = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", ...pair, "-days", "2", "-subj", "/CN=localhost"], { stdio: "ignore" });
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
      served++;
      response.end("{}");
    });
    return { port: await listen(server), close: () => close(server) };
  } catch {
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const secure = await selfSigned();
const urls = {
  nowhere: "http://nowhere.invalid/v1",
  selfSigned: `https://localhost:${secure?.port ?? 1}/v1`,
  inTheClear: `https://127.0.0.1:${plain.port}/v1`,
};
const endpoint = (name: string, url: string) => ({
  name,
  type: "openai-compatible",
  url,
  credentials: [{ apiKey: "k" }],
});
const house = await startHouse({
  document: {
    endpoints: [...Object.entries(urls).map(([name, url]) => endpoint(name, url)), endpoint("fallback", fallback.url)],
    models: Object.keys(urls).flatMap((name) => [
      { name: `alone-${name}`, targets: [{ endpoint: name, model: "m" }] },
      { name: `pair-${name}`, targets: [name, "fallback"].map((each) => ({ endpoint: each, model: "m" })) },
    ]),
  },
});
after(async () => {
  for (const resource of [house, plain, fallback]) await resource[Symbol.asyncDispose]();
  await secure?.close();
});

const faults = [
  ["a name that does not resolve", "nowhere", /resolve/u],
  ["a certificate of its own", "selfSigned", /TLS/u],
  ["no TLS at all", "inTheClear", /TLS/u],
] as const;
for (const [what, name, words] of faults) {
  test(`${what}: the next target answers, and without one it is told as 502`, async (t) => {
    if (name === "selfSigned" && secure === undefined) {
      t.skip("there is no openssl to make a certificate with");
      return;
    }
    const pair = await ask(house, { model: `pair-${name}`, stream: true });
    assert.deepEqual([pair.status, pair.headers.get("x-patchbay-endpoint")], [200, "fallback"]);
    const alone = await ask(house, { model: `alone-${name}`, stream: false });
    assert.equal(alone.status, 502, alone.raw);
    assert.match(String(field(alone.error, "message")), words);
    assert.ok(alone.duration < 6000);
    assert.deepEqual([served, plain.count], [0, 0], "nothing was said to whom it was not meant for");
  });
}
