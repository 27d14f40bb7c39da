/**
 * Sends recorded requests of real clients through a whole gateway to vendors that refuse what the real ones refuse:
 * every request to every vendor. Each is answered; what a request tells its model arrives or is reported as lost, no
 * tool is missing, and no call is without its result.
 *
 * node test/corpus/replay.ts DIRECTORY [--show TEXT]
 *
 * `--show` takes only the recordings whose name holds TEXT.
 */
import { connect } from "node:net";
import type { JsonObject } from "../../src/kernel/json.ts";
import { startHouse } from "../support/house.ts";
import type { House } from "../support/house.ts";
import { endpointOf, startVendor, vendorKinds } from "../support/vendors/server.ts";
import type { Vendor, VendorKind } from "../support/vendors/server.ts";
import { headersOf, modelsOf, recordingsUnder } from "./recordings.ts";
import type { Recording } from "./recordings.ts";
import { blobOf, countsOf, saidIn, textOnly } from "./request-content.ts";

const [directory = "", flag, wanted = ""] = process.argv.slice(2);
const all = recordingsUnder(directory).filter(({ name }) => flag !== "--show" || name.includes(wanted));
const count = { requests: 0, texts: 0, failed: 0, lost: 0 };
const continued = new Set<string>();
const words = "All of it was read.";

function fail(name: string, why: string): void {
  count.failed++;
  console.log(`${name}: ${why}`);
}

const isEmbedding = (path: string): boolean => /embed/i.test(path);
const isUpgrade = ({ method, path }: Recording): boolean => method === "GET" && path.endsWith("/responses");
const isGeneration = (path: string): boolean =>
  /(?:\/chat\/completions|\/completions|\/responses|\/messages|\/api\/chat|\/api\/generate|[gG]enerateContent)$/.test(
    path,
  );

/** The recorder's own state is not the vendor's: it is refused, and the request is sent again without it. */
const foreign = /encrypted content could not be verified|Invalid `signature`|missing a thought_signature/;

/** Its conversation is kept by a vendor, or by the gateway that was asked before. */
const isContinued = ({ body }: Recording): boolean =>
  body?.["previous_response_id"] !== undefined || body?.["thread"] !== undefined;

/** What clients ask for and do without. */
const absent = new Set(["/api/hello", "/v1/model/info", "/model/info", "/v1/interactions"]);

async function send(house: House, recording: Recording): Promise<Response> {
  const { method, path, query, body } = recording;
  const search = new URLSearchParams(query).toString();
  const model = isEmbedding(path) ? { model: "vectors" } : {};
  const place = isEmbedding(path) ? path.replace(/(\/models\/)[^:]+/, "$1vectors") : path;
  return await fetch(`${house.url}${place}${search === "" ? "" : `?${search}`}`, {
    method,
    headers: headersOf(recording),
    ...(body === undefined || method === "GET" || method === "HEAD"
      ? {}
      : { body: JSON.stringify({ ...body, ...("model" in body && model) }) }),
  });
}

/** A client that asks for a socket is given one, or told to do without. */
async function upgrade(house: House, { name, path }: Recording): Promise<void> {
  const socket = connect(house.port, "127.0.0.1");
  const key = Buffer.from("0123456789abcdef").toString("base64");
  const lines = [
    `Host: 127.0.0.1:${house.port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
  ];
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\nSec-WebSocket-Key: ${key}\r\n\r\n`);
  const first = await new Promise<string>((resolve) => socket.once("data", (data) => resolve(data.toString("latin1"))));
  socket.destroy();
  if (!/^HTTP\/1\.1 (?:101|426) /.test(first)) fail(name, `an upgrade was answered by ${first.split("\r\n")[0]}`);
}

async function other(house: House, recording: Recording): Promise<void> {
  const { name, method, path } = recording;
  count.requests++;
  if (isUpgrade(recording)) return upgrade(house, recording);
  const response = await send(house, recording);
  const text = await response.text();
  if (response.ok || (response.status === 404 && absent.has(path))) return;
  fail(name, `${method} ${path} was answered by ${response.status} ${text.slice(0, 200)}`);
}

async function generation(house: House, vendor: Vendor, recording: Recording): Promise<void> {
  const name = `${recording.name} to ${vendor.kind}`;
  vendor.reset();
  vendor.play({ text: words, usage: { input: 3, output: 2 } });
  count.requests++;
  const response = await send(house, recording);
  const answer = await response.text();
  const losses = (response.headers.get("x-patchbay-loss") ?? "").split(/,\s*/).filter((field) => field !== "");
  const refused = vendor.refused.filter((reason) => !foreign.test(reason));
  if (refused.length > 0) fail(name, `the vendor refused: ${refused.join(" ")}`);
  else if (response.status !== 200) fail(name, `${response.status} ${answer.slice(0, 300)}`);
  else if (!plain(answer).includes(words)) fail(name, `the answer is ${answer.slice(0, 300)}`);
  const seen = vendor.seen.at(-1);
  if (response.status !== 200 || seen === undefined) return;
  const given = recording.body ?? {};
  const isText = vendor.kind === "openai-completions";
  for (const wrong of missing(isText ? textOnly(given) : given, seen.body, losses)) fail(name, wrong);
  if (isText) for (const wrong of untold(given, losses)) fail(name, wrong);
  const ids = new Set(seen.turns.flatMap((turn) => turn.calls.map((call) => call.id)));
  const strays = seen.turns.flatMap((turn) => turn.results.filter(({ id }) => !ids.has(id)));
  // Where calls have no ids, results are told apart by their tools' names.
  const byName = vendor.kind === "gemini" || vendor.kind === "ollama";
  if (strays.length > 0 && !byName) fail(name, `results without calls: ${strays.map(({ id }) => id).join(", ")}`);
}

/** A stream's pieces put together, roughly: enough to find words that came in pieces. */
function plain(answer: string): string {
  const pieces = [...answer.matchAll(/"(?:text|content|delta|response|thinking)":\s*"((?:[^"\\]|\\.)*)"/g)];
  return pieces.map(([, piece]) => piece ?? "").join("");
}

function* missing(given: JsonObject, written: JsonObject, losses: readonly string[]): Generator<string> {
  const blob = blobOf(written);
  for (const { path, text } of saidIn(given)) {
    count.texts++;
    if (blob.includes(text) || blob.includes(text.trim())) continue;
    if (isReported(path, losses)) count.lost++;
    else yield `${path} is gone: ${JSON.stringify(text.slice(0, 80))} (reported: ${losses.join(", ")})`;
  }
  const [before, after] = [countsOf(given), countsOf(written)];
  for (const what of ["tools", "calls", "results"] as const) {
    // Another vendor's own tools are lost, and told of; no call and no result ever is.
    const isTold = what === "tools" && losses.some((field) => field.startsWith("tools"));
    if (after[what] < before[what] && !isTold) {
      yield `${before[what]} ${what} became ${after[what]} (reported: ${losses.join(", ")})`;
    }
  }
}

/** Letters of the header that names losses; those that do not fit are in the log alone. */
const longestHeader = 256;

/** What a protocol of text alone has to report of everything else: all of it, so far as the header reaches. */
function* untold(given: JsonObject, losses: readonly string[]): Generator<string> {
  const { tools, calls, results, pictures } = countsOf(given);
  const isCut = losses.join(",").length >= longestHeader;
  if (tools > 0 && !losses.includes("tools")) yield `${tools} tools are gone, and nothing says so`;
  for (const [what, count] of [
    ["image", pictures],
    ["tool-call", calls],
    ["tool-result", results],
  ] as const) {
    const told = losses.filter((field) => field.endsWith(`.${what}`)).length;
    if (told < count && !isCut) yield `${count} of ${what} became ${told} losses (reported: ${losses.join(", ")})`;
  }
}

/** A loss of the same message or tool, or of everything like it. */
function isReported(path: string, losses: readonly string[]): boolean {
  // Messages are numbered as they are translated, with the system's as the first.
  if (/thinking|reasoning|summary/.test(path) && losses.some((field) => field.includes("reasoning"))) return true;
  const entry = /^\w+(?:\[\d+\])?/.exec(path)?.[0] ?? path;
  return losses.some((field) => field === entry || field.startsWith(`${entry}.`) || field.startsWith(`${entry}[`));
}

async function run(kind: VendorKind, isFirst: boolean): Promise<void> {
  await using vendor = await startVendor(kind);
  const models = modelsOf(all).map((name) => ({ name, targets: [{ endpoint: kind, model: "real" }] }));
  const vectors = { name: "vectors", targets: [{ endpoint: "simulator", model: "embed" }] };
  await using house = await startHouse({
    document: {
      endpoints: [endpointOf(vendor), { name: "simulator", type: "simulator" }],
      models: [...models, vectors],
    },
  });
  for (const recording of all) {
    if (isContinued(recording)) continued.add(recording.name);
    else if (isGeneration(recording.path) && recording.method === "POST") await generation(house, vendor, recording);
    else if (isFirst) await other(house, recording);
  }
}

const kinds = Object.keys(vendorKinds) as VendorKind[];
for (const [index, kind] of kinds.entries()) await run(kind, index === 0);
console.log(`${continued.size} of no concern: they continue a conversation that another server keeps`);
console.log(
  `${all.length} recorded requests, sent ${count.requests} times: ${count.texts} texts looked for, ` +
    `${count.lost} reported as lost, ${count.failed} failed`,
);
process.exitCode = count.failed === 0 && all.length > 0 ? 0 : 1;
