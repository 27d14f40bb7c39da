import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { Secret } from "../kernel/secret.ts";
import { parseLevel } from "./level.ts";
import { openLog, type ExchangeFacts, type Log, type LogFields, type LogOptions } from "./log.ts";
import { GatheringSink } from "./sink.ts";

const folder = mkdtempSync(join(tmpdir(), "patchbay-log-"));
after(() => rmSync(folder, { recursive: true }));
let files = 0;

async function written(options: Partial<LogOptions>, use: (log: Log) => void): Promise<string> {
  const destination = join(folder, `${(files += 1)}.log`);
  const log = await openLog({ level: "info", clock: Date, pretty: false, ...options, destination });
  use(log);
  log[Symbol.dispose]();
  return readFileSync(destination, "utf8");
}

async function lines(options: Partial<LogOptions>, use: (log: Log) => void) {
  const text = await written(options, use);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { readonly [name: string]: unknown });
}

const facts: ExchangeFacts = {
  id: "r-1",
  surface: "openai-chat",
  requestedModel: "gpt-4o",
  endpoint: "openai",
  status: 200,
  stream: true,
  attempts: 1,
  duration: 12.3456,
  inputTokens: 7,
  bytesIn: 0,
  bytesOut: 9,
};

const levelCases: readonly (readonly [text: string, level: string | undefined])[] = [
  ["ERROR", "error"],
  ["WARN", "warn"],
  ["INFO", "info"],
  ["DEBUG", "debug"],
  [" warning ", "warn"],
  ["silent", "silent"],
  ["off", "silent"],
  ["loud", undefined],
  ["", undefined],
  ["__proto__", undefined],
];

for (const [text, level] of levelCases) {
  test(`LOG_LEVEL ${JSON.stringify(text)} is ${level ?? "refused"}`, () => assert.equal(parseLevel(text), level));
}

test("an exchange is one line of known fields; what is unknown is absent", async () => {
  const [line, ...more] = await lines({}, (log) => log.exchange(facts));
  assert.deepEqual(more, []);
  const { time, ...rest } = line ?? {};
  assert.ok(typeof time === "number");
  const { id, ...named } = facts;
  assert.deepEqual(rest, { level: "info", message: "exchange", requestId: id, ...named, duration: 12.3 });
});

test("what a translation lost is named in the line, cleaned and cut", async () => {
  const [none, some, many] = await lines({}, (log) => {
    log.exchange(facts, []);
    log.exchange(facts, ["logit_bias", "messages[2].name", "\u001b"]);
    log.exchange(
      facts,
      Array.from({ length: 1_000 }, (_, index) => `messages[${index}].name`),
    );
  });
  assert.equal("losses" in (none ?? {}), false);
  assert.equal(some?.["losses"], "logit_bias,messages[2].name,�");
  assert.equal(String(many?.["losses"]).length, 257);
});

test("of an exchange only what is named is logged", async () => {
  const row = { ...facts, at: 1, prompt: "hello" };
  const [line] = await lines({}, (log) => log.exchange(row));
  assert.deepEqual(
    Object.keys(row).filter((name) => !Object.hasOwn(line ?? {}, name)),
    ["id", "at", "prompt"],
  );
});

test("an exchange that an upstream or we spoiled is a warning", async () => {
  const [line] = await lines({}, (log) => log.exchange({ ...facts, status: 502, failureKind: "unreachable" }));
  assert.equal(line?.["level"], "warn");
});

test("other lines have the same head as an exchange's", async () => {
  const [a, b] = await lines({}, (log) => {
    log.exchange(facts);
    log.info("started", { port: 4141 });
  });
  assert.deepEqual(Object.keys(a ?? {}).slice(0, 2), ["level", "time"]);
  assert.deepEqual(Object.keys(b ?? {}), ["level", "time", "port", "message"]);
});

test("levels below the log's are left out, and silent leaves out all", async () => {
  const all = (log: Log): void => {
    log.debug("d");
    log.info("i");
    log.error("e");
    log.exchange(facts);
  };
  assert.deepEqual(
    (await lines({ level: "warn" }, all)).map((line) => line["message"]),
    ["e"],
  );
  assert.deepEqual(await lines({ level: "silent" }, all), []);
  assert.equal((await lines({ level: "debug" }, all)).length, 4);
});

test("fields that are not allowed cannot be logged, not even by force", async () => {
  const forced = {
    endpoint: "a",
    headers: { authorization: "x" },
    body: "hello",
    status: "200",
    stream: 1,
  };
  const [line] = await lines({}, (log) => log.info("m", forced as unknown as LogFields));
  assert.deepEqual({ ...line, time: 0 }, { level: "info", time: 0, endpoint: "a", message: "m" });
});

test("an error is logged by type, message, stack, code and cause; its other properties are not", async () => {
  const cause = new TypeError("inner");
  const error = Object.assign(new Error("outer", { cause }), {
    code: "ECONNRESET",
    request: { headers: "secret" },
  });
  const [line] = await lines({}, (log) => log.error("failed", { error }));
  const logged = line?.["error"] as { readonly [name: string]: unknown };
  assert.deepEqual(Object.keys(logged), ["type", "message", "stack", "code", "cause"]);
  assert.equal(logged["code"], "ECONNRESET");
  assert.equal((logged["cause"] as { readonly type: string }).type, "TypeError");
  assert.ok(!JSON.stringify(line).includes("headers"));
});

const thrown: readonly unknown[] = [
  "text",
  7,
  null,
  { message: "not an error" },
  Object.defineProperty(new Error("x"), "message", {
    get: () => {
      throw new Error("hostile");
    },
  }),
  ((): Error => {
    const error = new Error("round");
    error.cause = error;
    return error;
  })(),
];

for (const [index, value] of thrown.entries()) {
  test(`whatever is thrown can be logged (${index})`, async () => {
    const [line] = await lines({}, (log) => log.error("failed", { error: value }));
    assert.equal(line?.["message"], "failed");
  });
}

test("secrets appear nowhere: not in messages, fields, errors or stacks", async () => {
  const canary = "canary-7f3a9c21";
  const text = await written({ level: "debug" }, (log) => {
    log.hide([new Secret(canary)]);
    log.info(`upstream said: bad key ${canary}`);
    log.info("m", { url: `https://x/?key=${canary}`, reason: canary });
    log.error("m", { error: new Error(`401 ${canary}`, { cause: canary }) });
    log.exchange({ ...facts, requestedModel: canary, clientAgent: `agent ${canary}` }, [`tools[0].${canary}`]);
  });
  assert.equal(text.split("\n").length, 5);
  assert.ok(!text.includes(canary));
});

test("texts of clients cannot flood the log, break its lines or drive a terminal", async () => {
  const requestedModel = '"\\'.repeat(5_000);
  const text = await written({}, (log) => {
    log.exchange({ ...facts, requestedModel, clientAgent: "a\u001b[31m\u009b\n\u202eb" }, ["b\u001b[2J\n"]);
    log.info("line\u001b[2J\nbreak");
  });
  assert.equal(text.trimEnd().split("\n").length, 2);
  assert.ok(text.length < 1_000);
  // oxlint-disable-next-line no-control-regex -- terminal escapes are what must not be there.
  assert.doesNotMatch(text, /[\u001b\u009b\u202e]|\\u001b/);
});

test("pretty lines are for people, with colours only when wanted", async () => {
  const plain = await written({ pretty: true, color: false }, (log) => log.info("started", { port: 4141 }));
  assert.match(plain, /INFO.*started.*4141/);
  assert.ok(!plain.includes("\u001b"));
  const colored = await written({ pretty: true, color: true }, (log) => log.exchange(facts));
  assert.ok(colored.includes("\u001b[3"));
});

test("lines are written soon, without being asked", async () => {
  const destination = join(folder, "soon.log");
  using log = await openLog({ level: "info", clock: Date, pretty: false, destination });
  log.info("one");
  assert.equal(readFileSync(destination, "utf8"), "");
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.match(readFileSync(destination, "utf8"), /"one"/);
});

const run = promisify(execFile);
const script = (end: string): string => `
  const { openLog } = await import(${JSON.stringify(new URL("./log.ts", import.meta.url).href)});
  const log = await openLog({ level: "info", clock: Date, pretty: false });
  for (let i = 0; i < 3000; i += 1) log.info("line", { count: i });
  ${end}`;

for (const end of ["", "process.exit(0);", "setImmediate(() => { throw new Error('boom'); });"]) {
  test(`no line is lost when a process ends by ${end === "" ? "itself" : end}`, async () => {
    const result = await run(process.execPath, ["--input-type=module", "-e", script(end)], {
      maxBuffer: 1e7,
    }).catch((error: { readonly stderr: string }) => error);
    const counts = result.stderr.split("\n").flatMap((line) => /"count":(\d+)/.exec(line)?.[1] ?? []);
    assert.deepEqual(
      counts,
      Array.from({ length: 3000 }, (_, index) => String(index)),
    );
  });
}

const elsewhere = process.platform === "linux" ? false : "needs /proc and /dev/full";

test(
  "a reader that does not read holds nothing up, and gets everything when it reads",
  { skip: elsewhere },
  async () => {
    const code = `
    const { openLog } = await import(${JSON.stringify(new URL("./log.ts", import.meta.url).href)});
    const log = await openLog({ level: "info", clock: Date, pretty: false });
    for (let i = 0; i < 5000; i += 1) log.info("line", { count: i });
    process.stdout.write("not held up");
    setTimeout(() => {}, 300);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    assert.equal(said.toString(), "not held up");
    let read = "";
    for await (const chunk of child.stderr) read += String(chunk);
    assert.equal(read.trimEnd().split("\n").length, 5000);
  },
);

test("a target that is gone or full harms nobody, and lines that it costs are counted", { skip: elsewhere }, () => {
  const sink = new GatheringSink("/dev/full");
  sink.write("a\nb\n");
  sink.flush();
  assert.equal(sink.dropped, 2);
  sink.close();
  sink.write("c\n");
  assert.equal(sink.dropped, 3);
});
