import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { binary, runBinary, startBinary, temporaryDirectory } from "./support/binary.ts";
import { closedPort, startUpstream } from "./support/upstream.ts";

interface Usage {
  readonly name: string;
  readonly args: readonly string[];
  readonly says: RegExp;
}

const misused: readonly Usage[] = [
  { name: "an unknown command", args: ["strat"], says: /^unknown command 'strat'; did you mean 'start'\?/ },
  { name: "an unknown command like none", args: ["zzzzzz"], says: /^unknown command 'zzzzzz'\. `patchbay help`/ },
  { name: "an unknown subcommand", args: ["keys", "creat"], says: /^unknown command 'creat'; did you mean 'create'\?/ },
  { name: "an unknown option", args: ["--prot", "1"], says: /^unknown option '--prot'; did you mean '--port'\?/ },
  { name: "a word after start", args: ["start", "now"], says: /^start takes no arguments, and was given 'now'/ },
  { name: "a missing argument", args: ["route", "explain"], says: /^missing required argument 'model'/ },
  { name: "a missing value", args: ["--config"], says: /argument missing/ },
  { name: "a command without its subcommand", args: ["keys"], says: /^Usage: patchbay keys/ },
  { name: "a port that is none", args: ["--port", "http"], says: /^command line: --port: must be a whole number/ },
  {
    name: "an expiry without a unit",
    args: ["keys", "create", "a", "--expires", "30"],
    says: /^--expires 30 is no time/,
  },
  { name: "a key without a name", args: ["keys", "create", ""], says: /^A key needs a name/ },
  { name: "an address that is none", args: ["healthcheck", "--url", "here"], says: /^--url here is no http URL/ },
  {
    name: "a command of a later version",
    args: ["launch", "claude", "--model", "x"],
    says: /^`patchbay launch` is not/,
  },
];

for (const { name, args, says } of misused) {
  test(`${name} is exit code 2, one line on stderr and nothing on stdout`, async () => {
    using home = temporaryDirectory();
    const { code, stdout, stderr } = await runBinary(args, { directory: home.path });
    assert.match(stderr, says);
    assert.equal(stdout, "");
    assert.equal(code, 2);
  });
}

test("a key that could not be shown is a failure", { skip: !existsSync("/dev/full") && "no /dev/full here" }, () => {
  using home = temporaryDirectory();
  const args = [binary, "keys", "create", "a", "--data-dir", home.path];
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd: home.path,
    env: { HOME: home.path },
    stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
    encoding: "utf8",
  });
  assert.equal(status, 1);
  assert.match(stderr, /The output could not be written: ENOSPC/);
});

test("with --json a failure is one JSON value on stdout too", async () => {
  using home = temporaryDirectory();
  const { code, stdout, stderr } = await runBinary(["route", "explain", "ecko", "--json"], { directory: home.path });
  assert.equal(code, 1);
  const { error } = JSON.parse(stdout) as { error: { message: string } };
  assert.match(error.message, /Did you mean 'echo'/);
  assert.equal(stderr.trimEnd(), error.message);
});

test("keys are made, listed and revoked, and a running gateway knows at once", async () => {
  using home = temporaryDirectory();
  const at = { directory: home.path };
  writeFileSync(join(home.path, "patchbay.yaml"), "access: { open: never }\n");
  await using gateway = await startBinary(["--port", "0", "--no-detect"], at);
  const made = await runBinary(["keys", "create", "ci", "--expires", "30d", "--model", "echo", "lo*"], at);
  assert.equal(made.code, 0);
  assert.match(made.stdout, /^pbk_\w+\n$/);
  const key = made.stdout.trim();
  assert.ok(!made.stderr.includes(key), "a key on stderr ends in logs");
  assert.match(made.stderr, /export PATCHBAY_API_KEY=/);
  assert.match(made.stderr, /Authorization: Bearer/);

  const list = () => fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  const answer = await list();
  assert.equal(answer.status, 200);
  const { data } = (await answer.json()) as { data: readonly { id: string }[] };
  assert.deepEqual(
    data.map(({ id }) => id),
    ["echo", "lorem"],
  );

  const listed = await runBinary(["keys", "list", "--json"], at);
  const { keys } = JSON.parse(listed.stdout) as { keys: readonly { [name: string]: unknown }[] };
  const id = String(keys[0]?.["id"]);
  assert.equal(keys.length, 1);
  assert.deepEqual(
    { ...keys[0], createdAt: "", expiresAt: "" },
    {
      id: key.slice(4, 12),
      name: "ci",
      state: "active",
      createdAt: "",
      expiresAt: "",
      models: ["echo", "lo*"],
    },
  );
  const days = (Date.parse(String(keys[0]?.["expiresAt"])) - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days < 30.1, String(days));

  const byName = await runBinary(["keys", "revoke", "ci"], at);
  assert.equal(byName.code, 1);
  assert.match(byName.stderr, new RegExp(`patchbay keys revoke ${id}`));
  assert.equal((await list()).status, 200);
  const revoked = await runBinary(["keys", "revoke", id], at);
  assert.equal(revoked.code, 0);
  assert.equal((await list()).status, 401);
  const table = await runBinary(["keys", "list"], at);
  assert.match(table.stdout, new RegExp(`^ID .*\\n${id}  ci    revoked `));
  for (const { stdout, stderr } of [listed, revoked, table, gateway]) assert.ok(!(stdout + stderr).includes(key));
});

test("the whole key revokes itself, twice is no harm, and a mistyped one is not repeated", async () => {
  using home = temporaryDirectory();
  const at = { directory: home.path };
  const { stdout } = await runBinary(["keys", "create", "laptop"], at);
  const key = stdout.trim();
  const wrong = await runBinary(["keys", "revoke", `${key}x`], at);
  assert.equal(wrong.code, 1);
  assert.ok(!wrong.stderr.includes(key.slice(13)));
  assert.equal((await runBinary(["keys", "revoke", key], at)).code, 0);
  assert.equal((await runBinary(["keys", "revoke", key, "--json"], at)).code, 0);
});

test("keys of a store in memory are refused, as they would be gone at once", async () => {
  using home = temporaryDirectory();
  const { code, stderr } = await runBinary(["keys", "create", "a"], {
    directory: home.path,
    environment: { PATCHBAY_STORE: ":memory:" },
  });
  assert.equal(code, 78);
  assert.match(stderr, /^The store is :memory:/);
});

const twoEndpoints = (live: string, dead: string) => `endpoints:
  - { name: live, type: openai-compatible, url: "${live}" }
  - { name: dead, type: openai-compatible, url: "${dead}" }
models:
  - name: coder
    aliases: [gpt-4o]
    targets:
      - { endpoint: dead, model: one }
      - { endpoint: live, model: two }
      - { endpoint: live, model: three }
    failover: { attempts: 2 }
    contextWindow: 200000
    price: { input: 2, output: 8.5 }
`;

test("models lists names with route, context and price, and says which endpoint gave no list", async () => {
  using home = temporaryDirectory();
  await using upstream = await startUpstream({ models: ["listed"] });
  writeFileSync(join(home.path, "patchbay.yaml"), twoEndpoints(upstream.url, `http://127.0.0.1:${await closedPort()}`));
  const text = await runBinary(["models", "--no-detect"], { directory: home.path });
  assert.equal(text.code, 0);
  assert.deepEqual(
    text.stdout.split("\n").map((line) => line.trimEnd().split(/ {2,}/)),
    [
      ["MODEL", "ROUTE", "CONTEXT", "USD PER MILLION (IN/OUT)"],
      ["coder", "dead/one (+2)", "200,000", "2 / 8.5"],
      ["gpt-4o", "dead/one (+2)", "200,000", "2 / 8.5"],
      ["listed", "live/listed", "-", "-"],
      [""],
    ],
  );
  assert.equal(text.stderr, "endpoint dead: no model list (ECONNREFUSED); `patchbay doctor` says more\n");
  const json = await runBinary(["models", "--no-detect", "--json"], { directory: home.path });
  const { models } = JSON.parse(json.stdout) as { models: readonly unknown[] };
  assert.deepEqual(models[2], { name: "listed", route: ["live/listed"] });
  assert.equal(upstream.count, 0, "no paid call");
});

test("route explain gives the plan in order, and why the rest is not tried", async () => {
  using home = temporaryDirectory();
  const document = twoEndpoints("http://127.0.0.1:9", "http://127.0.0.1:9").replace(
    "name: dead,",
    "name: dead, enabled: false,",
  );
  writeFileSync(join(home.path, "patchbay.yaml"), document);
  const { stdout, code } = await runBinary(["route", "explain", "gpt-4o", "--json"], { directory: home.path });
  assert.equal(code, 0);
  assert.deepEqual(JSON.parse(stdout), {
    requested: "gpt-4o",
    model: "coder",
    strategy: "backup",
    maxAttempts: 2,
    winner: "live/two",
    attempts: [
      { endpoint: "live", model: "two", reason: "backup 1" },
      { endpoint: "live", model: "three", reason: "backup 2" },
    ],
    excluded: [{ endpoint: "dead", model: "one", reason: "the endpoint is disabled" }],
  });
  writeFileSync(join(home.path, "patchbay.yaml"), document.replace("attempts: 2", "attempts: 1"));
  const text = await runBinary(["route", "explain", "coder"], { directory: home.path });
  assert.deepEqual(text.stdout.split("\n"), [
    "coder -> coder (backup, at most 1 attempt)",
    "  1  live/two    backup 1",
    "  -  dead/one    the endpoint is disabled",
    "  -  live/three  not tried: failover.attempts is 1",
    "",
  ]);
});

test("route explain says what a request's needs leave out, and what a name is taken for", async () => {
  using home = temporaryDirectory();
  writeFileSync(
    join(home.path, "patchbay.yaml"),
    [
      "endpoints:",
      "  - { name: small, type: groq, models: [{ id: x, tools: false, inputModalities: [text], contextWindow: 8000 }] }",
      "  - { name: large, type: groq, models: [{ id: x, jsonSchema: false }] }",
      "models: [{ name: m, targets: [{ endpoint: small, model: x }, { endpoint: large, model: x }] }]",
      "fallback: m",
    ].join("\n"),
  );
  const at = { directory: home.path };
  const explain = async (...flags: readonly string[]): Promise<unknown> => {
    const { stdout } = await runBinary(["route", "explain", "m", "--json", ...flags], at);
    const { winner, excluded } = JSON.parse(stdout) as { winner: string; excluded: readonly { reason: string }[] };
    return [winner, ...excluded.map(({ reason }) => reason)];
  };
  assert.deepEqual(await explain(), ["small/x"]);
  assert.deepEqual(await explain("--tools"), ["large/x", "the model cannot call tools"]);
  assert.deepEqual(await explain("--image"), ["large/x", "the model takes no images"]);
  assert.deepEqual(await explain("--schema"), ["small/x", "the model cannot be held to a JSON schema"]);
  assert.deepEqual(await explain("--tokens", "9000"), ["large/x", "holds 8000 tokens, and the request has about 9000"]);
  const text = await runBinary(["route", "explain", "nobody-has-this"], at);
  assert.match(text.stdout, /^nobody-has-this is taken for m: the fallback stands in\nnobody-has-this -> m /u);
  const bad = await runBinary(["route", "explain", "m", "--tokens", "many"], at);
  assert.deepEqual([bad.code, /--tokens must be a whole number/u.test(bad.stderr)], [2, true]);
});

test("route explain asks for embeddings where it is told to", async () => {
  using home = temporaryDirectory();
  writeFileSync(
    join(home.path, "patchbay.yaml"),
    "endpoints: [{ name: g, type: groq }]\nmodels: [{ name: m, targets: [{ endpoint: g, model: x }] }]\n",
  );
  const at = { directory: home.path };
  assert.equal((await runBinary(["route", "explain", "m"], at)).code, 0);
  const { code, stderr } = await runBinary(["route", "explain", "m", "--embeddings"], at);
  assert.equal(code, 1);
  assert.match(stderr, /the endpoint has no embeddings/);
});

test("config path and validate", async () => {
  using home = temporaryDirectory();
  const at = { directory: home.path };
  const file = join(home.path, "patchbay.yaml");
  for (const command of ["path", "validate"]) {
    const { code, stdout, stderr } = await runBinary(["config", command], at);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^There is no document: looked for .*patchbay\.yaml/);
  }
  writeFileSync(file, "endpoints: [{ name: sim, type: simulator }]\n");
  assert.equal((await runBinary(["config", "path"], at)).stdout, `${file}\n`);
  const valid = await runBinary(["config", "validate"], at);
  assert.deepEqual([valid.code, valid.stdout], [0, `${file} is valid: 1 endpoint, 0 models\n`]);
  const other = join(home.path, "other.yaml");
  writeFileSync(other, "endpoints:\n  - name: a b\n");
  const invalid = await runBinary(["config", "validate", "other.yaml", "--json"], at);
  assert.equal(invalid.code, 78);
  const report = JSON.parse(invalid.stdout) as { valid: boolean; problems: readonly { line: number; file: string }[] };
  assert.equal(report.valid, false);
  assert.deepEqual([report.problems[0]?.file, report.problems[0]?.line], [other, 2]);
});

test("the committed JSON Schema is what config schema prints; otherwise write it anew", async () => {
  using home = temporaryDirectory();
  const { code, stdout } = await runBinary(["config", "schema"], { directory: home.path });
  assert.equal(code, 0);
  assert.equal(stdout, readFileSync(new URL("../schema/patchbay.schema.json", import.meta.url), "utf8"));
});

interface Report {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly state: string;
    readonly message: string;
    readonly fix?: string;
  }[];
}

test("doctor is content with a running gateway whose endpoint answers", async () => {
  using home = temporaryDirectory();
  await using upstream = await startUpstream();
  writeFileSync(
    join(home.path, "patchbay.yaml"),
    `endpoints: [{ name: up, type: openai-compatible, url: "${upstream.url}", credentials: [{ apiKey: "\${UP_KEY}" }] }]\n`,
  );
  const at = { directory: home.path, environment: { UP_KEY: "sk-secret-of-the-test" } };
  await using gateway = await startBinary(["--port", "0", "--no-detect"], at);
  const { port } = new URL(gateway.url);
  const { code, stdout } = await runBinary(["doctor", "--port", port, "--no-detect", "--json"], at);
  const report = JSON.parse(stdout) as Report;
  assert.deepEqual(
    report.checks.filter(({ state }) => state !== "ok"),
    [],
  );
  assert.equal(code, 0);
  assert.ok(report.ok);
  const says = new Map(report.checks.map(({ name, message }) => [name, message]));
  assert.match(says.get("port") ?? "", /held by a running Patchbay/);
  assert.equal(says.get("references"), "${UP_KEY} resolve");
  assert.match(says.get("endpoint up") ?? "", /^1 model in \d+ ms$/);
  assert.equal(upstream.count, 0, "no paid call");
  assert.ok(!stdout.includes("sk-secret"));
});

test("doctor has a fix for every finding, and exits 1", async () => {
  using home = temporaryDirectory();
  await using upstream = await startUpstream({ models: { kind: "status", status: 401 } });
  const file = join(home.path, "patchbay.yaml");
  writeFileSync(
    file,
    `endpoints:
  - { name: locked, type: openai-compatible, url: "${upstream.url}", credentials: [{ apiKey: sk-plain-in-the-file }] }
  - { name: gone, type: openai-compatible, url: "http://127.0.0.1:${await closedPort()}" }
`,
  );
  chmodSync(file, 0o644);
  const args = ["doctor", "--host", "0.0.0.0", "--port", String(upstream.port), "--no-detect"];
  const { code, stdout } = await runBinary([...args, "--json"], { directory: home.path });
  assert.equal(code, 1);
  const { checks, ok } = JSON.parse(stdout) as Report;
  assert.equal(ok, false);
  const failures = checks.filter(({ state }) => state === "failed").map(({ name }) => name);
  assert.deepEqual(failures, ["document", "port", "access", "endpoint locked", "endpoint gone"]);
  for (const { name, state, fix } of checks) assert.equal(fix === undefined, state === "ok", name);
  const text = await runBinary(args, { directory: home.path });
  assert.equal(text.code, 1);
  assert.match(text.stdout, /^✓ node: v24/);
  assert.match(text.stdout, /\n✗ endpoint locked: .*refuses the key \(401\)\n {4}fix: /);
  assert.ok(!text.stdout.includes("sk-plain"));
});

test("doctor names file, line and column of a bad document", async () => {
  using home = temporaryDirectory();
  const file = join(home.path, "patchbay.yaml");
  writeFileSync(file, "endpoints:\n  - { name: a, type: openai, credentials: [{ apiKey: '${NOT_THERE}' }] }\n");
  const { code, stdout } = await runBinary(["doctor"], { directory: home.path });
  assert.equal(code, 1);
  assert.ok(stdout.includes(`✗ configuration: ${file}:2:`), stdout);
  assert.match(stdout, /NOT_THERE is not set/);
});

test("healthcheck finds the gateway by configuration or by its address: 0 when it is ready, 1 when not", async () => {
  using home = temporaryDirectory();
  const at = { directory: home.path };
  const file = join(home.path, "patchbay.yaml");
  const port = await closedPort();
  writeFileSync(file, `server: { port: ${port} }\n`);
  const silent = await runBinary(["healthcheck"], at);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, new RegExp(`^Nobody answers at http://127\\.0\\.0\\.1:${port}\\.`));
  await using gateway = await startBinary(["--no-detect"], at);
  assert.equal((await runBinary(["healthcheck"], at)).code, 0);
  assert.equal((await runBinary(["healthcheck", "--url", `${gateway.url}/v1/`, "--json"], at)).code, 0);
  // The gateway lives on with the document before, so its check must not fail for the new one's sake.
  writeFileSync(file, "server: nonsense\n");
  const broken = await runBinary(["healthcheck", "--port", String(port)], at);
  assert.equal(broken.code, 0);
  assert.match(broken.stderr, /not valid/);
});

test("help and version go to stdout, with exit code 0", async () => {
  using home = temporaryDirectory();
  const help = await runBinary(["help"], { directory: home.path });
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: patchbay/);
  assert.doesNotMatch(help.stdout, /launch/);
  const version = await runBinary(["--version"], { directory: home.path });
  assert.deepEqual([version.code, /^\d+\.\d+\.\d+\n$/.test(version.stdout)], [0, true]);
});
