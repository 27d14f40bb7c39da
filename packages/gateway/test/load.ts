/**
 * Load over four flapping upstreams: a real gateway process, upstreams in another, clients here. Afterwards nothing may
 * hang, every reservation must be settled, and the ledger must say what the upstreams counted.
 *
 * node test/load.ts [--seconds 60] [--rate 500]
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { LedgerRow } from "../src/store/ports.ts";
import { rowOf } from "../src/store/ledger-fields.ts";
import type { Counted } from "./faults/load-upstreams.ts";
import { startProgram } from "./support/process.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, rate: { type: "string", default: "500" } },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);

/**
 * A client gives an answer up after so many milliseconds: then it hangs. Three targets have ten seconds each, the last one
 * thirty; the rest is for a machine that has fallen behind.
 */
const hangs = 180_000;

const upstreams = fork(new URL("faults/load-upstreams.ts", import.meta.url), { serialization: "advanced" });
const answerOf = <Answer>() =>
  new Promise<Answer>((resolve) => upstreams.once("message", (answer) => resolve(answer as Answer)));
const { ports } = await answerOf<{ ports: { readonly [name: string]: number } }>();

const names = Object.keys(ports);
const directory = mkdtempSync(join(tmpdir(), "patchbay-load-"));
const file = join(directory, "patchbay.yaml");
// Limits that are wide enough to keep nobody out, so that every request is reserved and settled.
const limits = { requestsPerMinute: 1_000_000, tokensPerMinute: 1_000_000_000, concurrent: 10_000, queue: 10_000 };
const document = {
  // What a machine that falls behind has waiting is not to be turned away.
  server: { limits: { concurrent: 20_000, connections: 20_000 } },
  endpoints: names.map((name) => ({
    name,
    type: "openai-compatible",
    url: `http://127.0.0.1:${ports[name]}/v1`,
    timeouts: { firstToken: "30s", firstByte: "30s" },
    limits,
  })),
  models: [
    {
      name: "flapping",
      strategy: "rotate",
      affinity: false,
      targets: names.map((endpoint) => ({ endpoint, model: "m" })),
      failover: { attempts: 4 },
      limits,
    },
  ],
};
writeFileSync(file, JSON.stringify(document));
const gateway = await startProgram(["--config", file, "--data-dir", directory], { PATCHBAY_LOG_LEVEL: "error" });

/** What a client saw of one request. */
interface Seen {
  readonly status: number | "broken" | "hung" | "left";
  /** A stream's error event, or an end that was none. */
  readonly isWhole: boolean;
  /** Milliseconds. */
  readonly duration: number;
}

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const { hostname, port } = new URL(gateway.url);

function send(id: string, index: number): Promise<Seen> {
  const stream = index % 3 === 0;
  // Some leave before they are answered, or in the midst of it.
  const leavesAfter = index % 50 === 0 ? (index / 50) % 40 : undefined;
  const body = JSON.stringify({
    model: "flapping",
    user: id,
    stream,
    messages: [{ role: "user", content: "Hello" }],
  });
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json", "content-length": body.length, "x-request-id": id };
    const request = httpRequest({ hostname, port, agent, method: "POST", path: "/v1/chat/completions", headers });
    const timers: NodeJS.Timeout[] = [];
    const start = performance.now();
    const over = (seen: Omit<Seen, "duration">) => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ ...seen, duration: performance.now() - start });
    };
    const end = (status: Seen["status"], after: number) =>
      timers.push(
        setTimeout(() => {
          over({ status, isWhole: false });
          request.destroy();
        }, after),
      );
    end("hung", hangs);
    if (leavesAfter !== undefined) end("left", leavesAfter);
    request.on("error", () => over({ status: "broken", isWhole: false }));
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (text += piece));
      response.on("error", () => over({ status: "broken", isWhole: false }));
      response.on("end", () => {
        const isWhole = response.statusCode === 200 && (!stream || text.endsWith("data: [DONE]\n\n"));
        over({ status: response.statusCode ?? 0, isWhole });
      });
    });
    request.end(body);
  });
}

const seen = new Map<string, Seen>();
const pending: Promise<void>[] = [];
const began = performance.now();
for (let sent = 0; performance.now() - began < seconds * 1000;) {
  const due = Math.floor(((performance.now() - began) / 1000) * rate);
  for (; sent < due; sent++) {
    const id = `load-${sent}`;
    pending.push(send(id, sent).then((each) => void seen.set(id, each)));
  }
  await sleep(4);
}
const sendingTime = (performance.now() - began) / 1000;
await Promise.all(pending);
const wholeTime = (performance.now() - began) / 1000;
agent.destroy();

const metricsText = async () => (await fetch(`${gateway.url}/metrics`)).text();
/** The sum of a metric's values whose labels hold a text. */
function figure(text: string, name: string, label = ""): number {
  const lines = text
    .split("\n")
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(label));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}
// Those who left may have done so a moment ago.
let metrics = await metricsText();
for (let wait = 0; wait < 50 && figure(metrics, "patchbay_exchanges_active") > 0; wait++) {
  await sleep(100);
  metrics = await metricsText();
}
upstreams.send("count");
const { counted } = await answerOf<{ counted: readonly Counted[] }>();
const exitCode = await gateway.stop();
const database = new DatabaseSync(join(directory, "patchbay.db"), { readOnly: true });
const rows = database.prepare("SELECT * FROM ledger").all().map(rowOf);
database.close();
upstreams.disconnect();
rmSync(directory, { recursive: true, force: true });

const calls = Map.groupBy(counted, ({ id }) => id);
const rowsById = Map.groupBy(rows, ({ id }) => id);
const faults = new Map<string, number>();
const note = (what: string, detail: string) => {
  const count = (faults.get(what) ?? 0) + 1;
  faults.set(what, count);
  if (count <= 3) console.log(`  ${what}: ${detail}`);
};

/** One request, by its client, the ledger and the upstreams. */
function compare(id: string, { status, isWhole }: Seen, row: LedgerRow): void {
  const own = calls.get(id) ?? [];
  const told = JSON.stringify({ status, row, own });
  // An attempt that is stopped as it is sent may not get there.
  const lost = row.failureKind === "cancelled" ? 1 : 0;
  if (row.attempts < own.length || row.attempts - lost > own.length) note("attempts differ", told);
  const complete = own.filter((call) => call.complete);
  if (row.failureKind === undefined) {
    if (!isWhole && status !== "left") note("the ledger says success, the client saw none", told);
    const call = complete.find(({ upstream }) => upstream === row.endpoint);
    if (complete.length !== 1 || call === undefined) note("an answer that no upstream gave", told);
    else if (call.input !== row.inputTokens || call.output !== row.outputTokens) note("tokens differ", told);
    if (row.status !== 200) note("the status is no success", told);
  } else if (row.failureKind === "cancelled") {
    if (status !== "left") note("the ledger says that a client left which did not", told);
  } else {
    if (isWhole) note("the ledger says failure, the client saw success", told);
    if (status !== 200 && status !== "left" && status !== row.status) note("statuses differ", told);
    if (complete.length > 0) note("a complete answer was taken for a failure", told);
  }
}

for (const [id, each] of seen) {
  const own = rowsById.get(id) ?? [];
  const [row] = own;
  if (each.status === "hung") note("a request hung", id);
  if (each.status === "broken") note("a connection broke", id);
  // Who leaves before its request is read has no row.
  if (row === undefined || own.length > 1) {
    if (each.status !== "left" || own.length > 1)
      note(`${own.length} rows of a request`, JSON.stringify({ id, ...each }));
  } else compare(id, each, row);
}

const total = (name: string, label?: string) => figure(metrics, name, label);
const succeeded = rows.filter(({ failureKind }) => failureKind === undefined);
const tokens = (list: readonly { readonly input: number; readonly output: number }[]) =>
  list.reduce((sum, { input, output }) => sum + input + output, 0);
const billed = tokens(
  succeeded.map(({ inputTokens = 0, outputTokens = 0 }) => ({ input: inputTokens, output: outputTokens })),
);
const stayed = [...seen.values()].filter(({ status }) => status !== "left").length;
const answeredIds = new Set(succeeded.map(({ id }) => id));
const given = tokens(counted.filter(({ id, complete }) => complete && answeredIds.has(id)));

const checks: readonly (readonly [what: string, passed: boolean, figures: string])[] = [
  ["no request hangs, breaks, or is told otherwise than it was", faults.size === 0, JSON.stringify([...faults])],
  [
    "nothing is under way any more",
    total("patchbay_exchanges_active") === 0,
    `${total("patchbay_exchanges_active")} active`,
  ],
  [
    "every place is given back, nobody waits",
    total("patchbay_limit_held") === 0 && total("patchbay_limit_waiting") === 0,
    `${total("patchbay_limit_held")} held, ${total("patchbay_limit_waiting")} waiting`,
  ],
  ["no row of the ledger was lost", total("patchbay_ledger_dropped_total") === 0, `${rows.length} rows`],
  ["tokens in the ledger are those that were given", billed === given, `${billed} booked, ${given} given`],
  ["the gateway ends well", exitCode === 0, `exit code ${exitCode}`],
  ["most are answered all the same", succeeded.length > 0.85 * stayed, `${succeeded.length} of ${stayed}`],
];
for (const [what, passed, figures] of checks) console.log(`${passed ? "ok  " : "FAIL"}  ${what} (${figures})`);
const kinds = Map.groupBy(rows, ({ failureKind = "answered" }) => failureKind);
console.log([...kinds].map(([kind, list]) => `${kind} ${list.length}`).join(", "));
console.log(
  `${seen.size} requests in ${sendingTime.toFixed(1)} s are ${(seen.size / sendingTime).toFixed(0)} a second (${rate} were wanted), ` +
    `${counted.length} calls at four upstreams; the last was over after ${wholeTime.toFixed(1)} s`,
);
const durations = [...seen.values()].flatMap((each) => (each.isWhole ? [each.duration] : [])).toSorted((a, b) => a - b);
const share = (part: number) => durations[Math.floor(part * durations.length)]?.toFixed(0) ?? "no";
console.log(`whole answers took ${share(0.5)} ms in the middle, ${share(0.99)} ms in all but one of a hundred`);
const good = checks.filter(([, passed]) => passed).length;
console.log(`${good} passed, ${checks.length - good} failed`);
process.exitCode = good === checks.length ? 0 : 1;
