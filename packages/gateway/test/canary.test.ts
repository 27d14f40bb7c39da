import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../src/app/system-clock.ts";
import { createKey } from "../src/auth/keys.ts";
import { openStore } from "../src/store/sqlite.ts";
import { startProgram } from "./support/process.ts";
import { rawPost, rawRequest } from "./support/raw.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

/** Secrets that can be told from everything else, with characters that URLs and JSON write otherwise. */
const secrets = {
  endpointKey: "canary+endpoint/key=1f0c",
  secondKey: "canary+second/key=2e9b",
  header: 'canary "header" value/3d8a',
  fixedKey: "canary+fixed/key=4c7d",
  sentKey: "canary+junk/key=5b6e",
};

/** What a user says, which is nobody's business: some seeds log it. */
const prompt = "canary of the prompt 6a5f";

/** A text as it is, and as it may appear in other places. */
function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  // In base64 a text looks different by its place; what is left without its ends is in all of them.
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString("base64")
      .slice(shift === 0 ? 0 : 4, -4),
  );
  return [
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString("hex"),
    bytes.toString("base64url").slice(0, -2),
    ...base64,
  ];
}

const echoing = (code: number): Behaviour => ({
  kind: "status",
  status: code,
  headers: { "x-your-key": secrets.endpointKey, "www-authenticate": `Bearer key="${secrets.endpointKey}"` },
  body: {
    error: {
      message: `Incorrect API key provided: ${secrets.endpointKey}. You sent ${encodeURIComponent(secrets.endpointKey)} and ${JSON.stringify(secrets.header)}.`,
      type: `bad ${secrets.endpointKey}`,
      code: secrets.endpointKey,
      param: secrets.endpointKey,
    },
  },
});
const error = { message: `No such key: ${secrets.endpointKey}`, type: "x", code: secrets.endpointKey };

/** What the upstream does, one after the other. */
const behaviours: readonly Behaviour[] = [
  { kind: "answer", headers: { "x-your-key": secrets.endpointKey, "set-cookie": `key=${secrets.endpointKey}` } },
  ...[400, 401, 403, 404, 413, 422, 429, 500, 503].map(echoing),
  { kind: "error-body", error },
  { kind: "error-event", after: 0, error },
  { kind: "error-event", after: 3, error, form: "named" },
  { kind: "redirect", status: 307, to: `https://evil.example/?key=${encodeURIComponent(secrets.endpointKey)}` },
  { kind: "html", status: 500 },
  { kind: "cut", after: 3, how: "reset" },
  { kind: "reset-before" },
  { kind: "malformed", after: 2, payload: `{"key":"${secrets.endpointKey}` },
  { kind: "status", status: 400, body: `plain text with ${secrets.endpointKey}` },
  { kind: "status", status: 400, body: { detail: [{ msg: `you sent ${secrets.endpointKey}` }] } },
];

const endpoint = (name: string, url: string, variable: string): object => ({
  name,
  type: "openai-compatible",
  url,
  credentials: [{ apiKey: `\${${variable}}` }],
  headers: { "x-extra": "${EXTRA_HEADER}" },
});

const chat = (model: string, stream: boolean): string =>
  JSON.stringify({ model, stream, messages: [{ role: "user", content: prompt }] });

test("no secret comes out: not in answers, logs, figures, the store or the model list's trouble", async (context) => {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-canary-"));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  await using upstream = await startUpstream({ models: echoing(401) });
  await using backup = await startUpstream({ models: { kind: "html" } });
  const document = {
    server: { limits: { body: 100_000 } },
    access: { open: "loopback" },
    log: { level: "debug" },
    endpoints: [endpoint("first", upstream.url, "FIRST_KEY"), endpoint("second", backup.url, "SECOND_KEY")],
    models: [
      { name: "alone", targets: [{ endpoint: "first", model: "x" }] },
      { name: "never", relay: "never", targets: [{ endpoint: "first", model: "x" }] },
      {
        name: "two",
        targets: [
          { endpoint: "first", model: "y" },
          { endpoint: "second", model: "z" },
        ],
      },
    ],
  };
  const file = join(directory, "patchbay.yaml");
  writeFileSync(file, JSON.stringify(document));
  const keys: string[] = [];
  {
    await using store = openStore({ file: join(directory, "patchbay.db"), clock: systemClock });
    for (const name of ["good", "revoked", "restricted"]) {
      const now = Date.now();
      const models = name === "restricted" ? { models: ["nothing"] } : {};
      const { key, stored } = createKey({ name, now, pepper: store.keys.pepper(), ...models });
      await store.keys.insert(stored);
      if (name === "revoked") await store.keys.revoke(stored.id, now);
      keys.push(key);
    }
  }
  const program = await startProgram(["--config", file, "--data-dir", directory], {
    FIRST_KEY: secrets.endpointKey,
    SECOND_KEY: secrets.secondKey,
    EXTRA_HEADER: secrets.header,
    API_KEY: secrets.fixedKey,
    NO_COLOR: "1",
  });
  await using _program = program;
  const seen: string[] = [];
  const port = Number(new URL(program.url).port);
  const ask = async (path: string, init: RequestInit = {}): Promise<number> => {
    const response = await fetch(program.url + path, init);
    seen.push(JSON.stringify([...response.headers]), await response.text());
    return response.status;
  };
  const statuses = new Set<number>();
  for (const behaviour of behaviours) {
    for (const model of ["alone", "never", "two"]) {
      for (const stream of [false, true]) {
        upstream.script(behaviour);
        const headers = { "content-type": "application/json", authorization: `Bearer ${keys[0]}` };
        statuses.add(await ask("/v1/chat/completions", { method: "POST", headers, body: chat(model, stream) }));
      }
    }
  }
  assert.ok(upstream.count >= 2 * behaviours.length && backup.count > 0);
  assert.ok(statuses.has(200) && statuses.has(502) && statuses.has(400));

  for (const key of [...keys, secrets.fixedKey, secrets.sentKey]) {
    for (const name of ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"]) {
      const value = name === "authorization" ? `Bearer ${key}` : key;
      const init = { method: "POST", headers: { [name]: value }, body: chat("alone", false) };
      await ask(`/v1/chat/completions?key=${encodeURIComponent(key)}`, init);
      await ask(`/v1/embeddings?key=${encodeURIComponent(key)}`, { ...init, body: "{" });
      await ask("/v1/completions", { ...init, headers: { ...init.headers, "content-encoding": "gzip" } });
      seen.push((await rawRequest(port, rawPost("//x", "{}", [`${name}: ${value}`]))).bytes.toString());
      seen.push(
        (await rawRequest(port, `GET /livez HTTP/1.1\r\n${name}: ${value}\r\n broken\r\n\r\n`)).bytes.toString(),
      );
    }
  }
  for (const path of ["/", "/health", "/readyz", "/livez", "/metrics", "/v1/models", "/v1/models/alone", "/nothing"]) {
    await ask(path, { headers: { authorization: `Bearer ${keys[0]}` } });
  }
  // A document that is refused because of what a secret says.
  writeFileSync(
    file,
    JSON.stringify({ ...document, server: { port: "${FIRST_KEY}" }, log: { level: "${SECOND_KEY}" } }),
  );
  await new Promise((resolve) => setTimeout(resolve, 400));
  await ask("/health", { headers: { authorization: `Bearer ${keys[0]}` } });
  assert.match(seen.at(-1) ?? "", /the document was not taken over/u);
  // The store as it is while the program runs, its write-ahead log too.
  const stored = (): readonly string[] =>
    readdirSync(directory)
      .filter((name) => name.startsWith("patchbay.db"))
      .map((name) => readFileSync(join(directory, name), "latin1"));
  const running = stored();
  assert.ok(running.length > 1);
  assert.equal(await program.stop(), 0);

  const places = {
    answers: seen.join("\n"),
    stdout: program.output.stdout,
    stderr: program.output.stderr,
    store: [...running, ...stored()].join("\n"),
  };
  for (const [place, text] of Object.entries(places)) {
    assert.equal(text.includes(prompt), false, `the prompt is in the ${place}`);
  }
  assert.match(places.stderr, /"level":"debug"/u);
  assert.match(places.stderr, /"message":"exchange"/u);
  for (const secret of [...Object.values(secrets), ...keys, ...keys.map((key) => key.slice(13, 56))]) {
    for (const form of formsOf(secret)) {
      for (const [place, text] of Object.entries(places)) {
        const at = text.indexOf(form);
        assert.equal(at, -1, `${form} is in the ${place}: ...${text.slice(Math.max(0, at - 200), at + 100)}`);
      }
    }
  }
});

test("a key that a client puts where the model's name belongs is in no log, no ledger and no metric", async () => {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-misplaced-"));
  const keys = ["sk-proj-misplaced1a2b3c4d", `pbk_aBcD1234_${"x".repeat(43)}_000000`];
  for (const fallback of [undefined, "stand-in"]) {
    const file = join(directory, "patchbay.yaml");
    const models = [{ name: "stand-in", targets: [{ endpoint: "simulator", model: "echo" }] }];
    const endpoints = [{ name: "simulator", type: "simulator" }];
    writeFileSync(file, JSON.stringify({ endpoints, models, log: { level: "debug" }, ...(fallback && { fallback }) }));
    await using program = await startProgram(["--config", file, "--data-dir", directory], {});
    for (const key of keys) {
      const answer = await fetch(`${program.url}/v1/chat/completions`, { method: "POST", body: chat(key, false) });
      assert.equal(answer.status, fallback === undefined ? 404 : 200, await answer.text());
      const path = `/v1beta/models/${key}:generateContent`;
      await fetch(program.url + path, { method: "POST", body: '{"contents":[{"parts":[{"text":"x"}]}]}' });
    }
    const metrics = await (await fetch(`${program.url}/metrics`)).text();
    assert.equal(await program.stop(), 0);
    const store = readdirSync(directory).map((name) => readFileSync(join(directory, name), "latin1"));
    assert.match(program.output.stderr, /"requestedModel":"\[secret\]"/u);
    for (const text of [metrics, program.output.stdout, program.output.stderr, ...store]) {
      for (const key of keys)
        assert.equal(text.includes(key), false, text.slice(Math.max(0, text.indexOf(key) - 200)).slice(0, 400));
    }
  }
  rmSync(directory, { recursive: true });
});
