import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { binary, runBinary, startBinary, temporaryDirectory } from "./support/binary.ts";

const alone = ["--port", "0", "--no-detect"];

/** A stream of about half a second. */
const slowDocument = "endpoints:\n  - { name: sim, type: simulator, options: { firstToken: 50, rate: 120 } }\n";

const chat = (url: string, model: string, stream: boolean, headers: { readonly [name: string]: string } = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hello" }] }),
  });

/** The environment in which a program runs some code of ours first. */
const preload = (code: string) => ({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` });

/** Throws an error that nobody catches, when told to by a signal. */
const bomb = preload(`process.on("SIGUSR2", () => { throw new Error("boom"); });`);

/** Names the libraries that are loaded and should not be, and one that should. */
const spy = preload(`
  import { registerHooks } from "node:module";
  registerHooks({
    load(url, context, next) {
      if (/kysely|pino-pretty|commander/.test(url)) process.stderr.write("LOADED " + url + "\\n");
      return next(url, context);
    },
  });`);

test("start is the default command; its last line says where it listens, after one line of facts", async () => {
  using home = temporaryDirectory();
  await using gateway = await startBinary(alone, { directory: home.path });
  const lines = gateway.stdout.trimEnd().split("\n");
  assert.equal(lines.at(-1), `listening url=${gateway.url}`);
  assert.equal(lines.length, 2);
  const facts = JSON.parse(lines[0] ?? "") as { endpoints: readonly string[]; document: unknown };
  assert.deepEqual(facts.endpoints, ["simulator"]);
  assert.equal(facts.document, null);
  const answer = await chat(gateway.url, "echo", false);
  assert.equal(answer.status, 200);
  assert.match(await answer.text(), /hello/);
  assert.ok(existsSync(join(home.path, ".local", "share", "patchbay", "patchbay.db")));
  gateway.process.kill("SIGTERM");
  const { code, stdout } = await gateway.finished;
  assert.equal(code, 0);
  assert.equal(stdout, `${lines.join("\n")}\n`);
  // oxlint-disable-next-line no-control-regex -- escape sequences are what must not be there.
  assert.doesNotMatch(gateway.stdout + gateway.stderr, /\u001b/);
});

test("a start loads no query layer", async () => {
  using home = temporaryDirectory();
  await using gateway = await startBinary(alone, { directory: home.path, environment: spy });
  assert.equal((await chat(gateway.url, "echo", false)).status, 200);
  assert.match(gateway.stderr, /LOADED .*commander/, "the spy sees nothing");
  assert.doesNotMatch(gateway.stderr, /LOADED .*(?:kysely|pino-pretty)/);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} lets a stream under way finish, takes no new one, and exits 0`, async () => {
    using home = temporaryDirectory();
    writeFileSync(join(home.path, "patchbay.yaml"), slowDocument);
    await using gateway = await startBinary(alone, { directory: home.path });
    const answer = await chat(gateway.url, "slow", true);
    gateway.process.kill(signal);
    // The same signal twice in a moment is what npm makes of one Ctrl+C.
    gateway.process.kill(signal);
    await gateway.says(/stopping/);
    await assert.rejects(chat(gateway.url, "echo", false));
    const text = await answer.text();
    assert.match(text, /"finish_reason":"stop"/);
    assert.ok(text.trimEnd().endsWith("data: [DONE]"), text.slice(-200));
    assert.equal((await gateway.finished).code, 0);
  });
}

test("a second signal ends the process at once, with exit code 1", async () => {
  using home = temporaryDirectory();
  await using gateway = await startBinary(alone, { directory: home.path });
  const answer = await chat(gateway.url, "stall", true);
  gateway.process.kill("SIGTERM");
  await gateway.says(/stopping/);
  await sleep(300);
  const sentAt = performance.now();
  gateway.process.kill("SIGTERM");
  const { code, stderr } = await gateway.finished;
  assert.equal(code, 1);
  assert.match(stderr, /second signal/);
  assert.ok(performance.now() - sentAt < 1000);
  await assert.rejects(answer.text());
});

test("SIGHUP takes over a changed document, and keeps the old one when the new one is invalid", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.yaml");
  const document = (alias: string) =>
    `${slowDocument}models:\n  - { name: ${alias}, targets: [{ endpoint: sim, model: echo }] }\n`;
  writeFileSync(file, document("first"));
  await using gateway = await startBinary(alone, { directory: home.path });
  assert.equal((await chat(gateway.url, "first", false)).status, 200);
  writeFileSync(file, document("second"));
  gateway.process.kill("SIGHUP");
  await gateway.says(/document taken over/);
  assert.equal((await chat(gateway.url, "second", false)).status, 200);
  assert.equal((await chat(gateway.url, "first", false)).status, 404);
  writeFileSync(file, "models: nonsense\n");
  gateway.process.kill("SIGHUP");
  await gateway.says(/not taken over: .*patchbay\.yaml:1:9/);
  assert.equal((await chat(gateway.url, "second", false)).status, 200);
});

test("a pipe in the document's place, or behind one of its references, stops nobody", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.yaml");
  const pipe = join(home.path, "key");
  writeFileSync(file, slowDocument);
  await using gateway = await startBinary(alone, { directory: home.path });
  rmSync(file);
  execFileSync("mkfifo", [file, pipe]);
  await gateway.says(/not taken over: .*patchbay\.yaml: .*not a regular file/);
  gateway.process.kill("SIGHUP");
  assert.equal((await chat(gateway.url, "echo", false)).status, 200);
  rmSync(file);
  const server =
    "{ name: s, type: openai-compatible, url: 'http://127.0.0.1:1', credentials: [{ apiKey: 'file:key' }] }";
  writeFileSync(file, `${slowDocument}  - ${server}\n`);
  await gateway.says(/not taken over: .*patchbay\.yaml:3:\d+: .*the file key cannot be read \(not a regular file\)/);
  assert.equal((await chat(gateway.url, "echo", false)).status, 200);
  gateway.process.kill("SIGTERM");
  assert.equal((await gateway.finished).code, 0);
});

test("a change of the document while the gateway starts is taken over", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.yaml");
  writeFileSync(file, slowDocument);
  // At this moment the document has been read, and is not watched yet.
  const environment = preload(`
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { watch } = fs;
    fs.watch = (...given) => {
      fs.watch = watch;
      fs.writeFileSync(${JSON.stringify(file)}, "endpoints:\\n  - { name: other, type: simulator }\\n");
      return watch(...given);
    };
    syncBuiltinESMExports();`);
  await using gateway = await startBinary(alone, { directory: home.path, environment });
  await gateway.says(/document taken over/);
  assert.equal((await chat(gateway.url, "other/echo", false)).status, 200);
});

test("in a directory that was removed, a command says so in a sentence", async () => {
  using home = temporaryDirectory();
  const { code, stdout, stderr } = await runBinary(
    ["-c", 'mkdir gone && cd gone && rmdir ../gone && exec "$@"', "sh", process.execPath, binary, "models"],
    { directory: home.path, program: "/bin/sh" },
  );
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /^The directory in which this runs was removed\. [^\n]+\n$/);
});

test("an error that nobody caught is logged, streams finish, and the exit code is 1", async () => {
  using home = temporaryDirectory();
  writeFileSync(join(home.path, "patchbay.yaml"), slowDocument);
  await using gateway = await startBinary(alone, { directory: home.path, environment: bomb });
  const answer = await chat(gateway.url, "slow", true);
  gateway.process.kill("SIGUSR2");
  await gateway.says(/nobody caught.*/);
  assert.match(await answer.text(), /data: \[DONE\]\s*$/);
  const { code, stderr } = await gateway.finished;
  assert.equal(code, 1);
  assert.match(stderr, /"level":"fatal".*boom/);
});

test("a busy port is one sentence with its remedy, and exit code 1", async () => {
  using home = temporaryDirectory();
  using other = temporaryDirectory();
  await using gateway = await startBinary(alone, { directory: home.path });
  const { port } = new URL(gateway.url);
  const { code, stdout, stderr } = await runBinary(["start", "--port", port], { directory: other.path });
  assert.equal(code, 1);
  assert.equal(stdout, "");
  assert.match(stderr, new RegExp(`^port ${port} is taken on 127\\.0\\.0\\.1\\..*--port 0.*\\n$`));
});

test("a bad document is exit code 78 and a line for each problem, with file, line and column", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.yaml");
  writeFileSync(file, "server:\n  prot: 3\nendpoints:\n  - name: a\n    type: opnai\n");
  const { code, stdout, stderr } = await runBinary([], { directory: home.path });
  assert.equal(code, 78);
  assert.equal(stdout, "");
  assert.deepEqual(stderr.trimEnd().split("\n"), [
    `${file}:2:3: server: unknown key \`prot\`; did you mean \`port\`?`,
    `${file}:5:11: endpoints[0].type: unknown endpoint type \`opnai\`; did you mean \`openai\`?`,
  ]);
});

test("a host that others can reach needs a key: exit code 78 with the remedy, and a start once there is one", async () => {
  using home = temporaryDirectory();
  const args = ["--host", "0.0.0.0", ...alone];
  const refused = await runBinary(args, { directory: home.path });
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /^server\.host is 0\.0\.0\.0.*patchbay keys create NAME/);
  const { stdout } = await runBinary(["keys", "create", "first"], { directory: home.path });
  await using gateway = await startBinary(args, { directory: home.path });
  const url = gateway.url.replace("0.0.0.0", "127.0.0.1");
  assert.equal((await chat(url, "echo", false)).status, 401);
  assert.equal((await chat(url, "echo", false, { authorization: `Bearer ${stdout.trim()}` })).status, 200);
});

test("a store that is open to others is exit code 78 with the remedy", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.db");
  writeFileSync(file, "", { mode: 0o644 });
  const { code, stderr } = await runBinary(alone, { directory: home.path, environment: { PATCHBAY_STORE: file } });
  assert.equal(code, 78);
  assert.match(stderr, /chmod 600/);
});

/** A Node that is too old, on the PATH outside of the project. */
function oldNode(): string | undefined {
  const places = (process.env["PATH"] ?? "").split(delimiter).filter((place) => !place.includes("node_modules"));
  return places
    .map((place) => join(place, "node"))
    .find((file) => existsSync(file) && Number(/^v(\d+)/.exec(versionOf(file))?.[1] ?? 99) < 24);
}

function versionOf(file: string): string {
  try {
    return execFileSync(file, ["--version"], { encoding: "utf8" });
  } catch {
    return "";
  }
}

const old = oldNode();
test(
  "an older Node gets one sentence and exit code 1",
  { skip: old === undefined && "no older Node is here" },
  async () => {
    using home = temporaryDirectory();
    const script = fileURLToPath(new URL("../bin/patchbay.js", import.meta.url));
    const { code, stdout, stderr } = await runBinary([script], { directory: home.path, program: old ?? "" });
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^Patchbay needs Node 24\.15 or newer; this is v\d+[^\n]*\n$/);
  },
);

const npm = process.env["npm_execpath"];
const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const noNpm = (npm === undefined || !existsSync(join(root, "package-lock.json"))) && "not run by npm in a checkout";
test("npm start passes flags on, and SIGTERM to npm stops the gateway gracefully", { skip: noNpm }, async () => {
  using home = temporaryDirectory();
  const args = [npm ?? "", "start", "--prefix", root, "--", ...alone, "--data-dir", home.path];
  // Another program than this Node's path, so that it is not taken for the gateway's own.
  await using gateway = await startBinary(args, { directory: home.path, program: "node" });
  assert.match(gateway.stdout, /listening url=\S+\n$/);
  assert.ok(gateway.stdout.split("\n").length <= 8, gateway.stdout);
  const answer = await chat(gateway.url, "echo", true);
  gateway.process.kill("SIGTERM");
  assert.match(await answer.text(), /\[DONE\]/);
  assert.equal((await gateway.finished).code, 0);
  await assert.rejects(chat(gateway.url, "echo", false));
});
