/**
 * Runs translation cases of another project through our codecs: each has a request in one protocol, the protocol it is
 * translated to, and assertions on paths of the outcome. What we decide otherwise on purpose stands in
 * `decided-otherwise.ts` with its reason; anything else that differs fails.
 *
 * node test/corpus/translation-cases.ts FILE [--show TEXT]
 *
 * FILE holds a case a line: `{test, fn, args, asserts: [{path, get, op, value}]}`. The cases are others' and are not
 * part of this repository. `--show` prints input, outcome and assertions of the cases whose name holds TEXT.
 */
import { readFileSync } from "node:fs";
import { codecs } from "../../src/app/app.ts";
import { features } from "../../src/app/features.ts";
import { parseExactObject } from "../../src/codecs/shared/exact.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { isJsonObject } from "../../src/kernel/json.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";
import { translate } from "../../src/relay/translation.ts";
import { decidedOtherwise, outOfScope } from "./decided-otherwise.ts";

interface Assertion {
  readonly path: string;
  readonly get: string;
  readonly op: string;
  readonly value: Json;
}

interface Case {
  readonly test: string;
  readonly fn: string;
  readonly args: readonly Json[];
  readonly asserts: readonly Assertion[];
}

/** Their names for protocols. `Antigravity` wraps Gemini's body in `request`; `Codex` is Responses. */
const names: { readonly [name: string]: Protocol } = {
  Claude: "anthropic-messages",
  OpenAI: "openai-chat",
  OpenAIChatCompletions: "openai-chat",
  OpenAIResponses: "openai-responses",
  Codex: "openai-responses",
  Gemini: "gemini",
  Antigravity: "gemini",
};

/** The value at a dotted path; `#` is a list's length. */
function at(value: Json | undefined, path: string): Json | undefined {
  let current = value;
  for (const step of path.split(/(?<!\\)\./).map((each) => each.replaceAll("\\", ""))) {
    if (Array.isArray(current)) {
      const list = current as readonly Json[];
      current = step === "#" ? list.length : list[Number(step)];
    } else if (isJsonObject(current)) current = Object.hasOwn(current, step) ? current[step] : undefined;
    else return undefined;
  }
  return current;
}

function read(found: Json | undefined, get: string): Json {
  switch (get) {
    case "Exists":
      return found !== undefined;
    case "len":
      return Array.isArray(found) ? found.length : isJsonObject(found) ? Object.keys(found).length : 0;
    case "IsArray":
      return Array.isArray(found);
    case "IsObject":
      return isJsonObject(found);
    case "Bool":
      return found === true;
    case "Int":
    case "Float":
      return typeof found === "number" ? found : Number(JSON.stringify(found ?? 0));
    case "Raw":
      return found === undefined ? "" : JSON.stringify(found);
    default:
      return typeof found === "string" ? found : found === undefined || found === null ? "" : JSON.stringify(found);
  }
}

function holds(outcome: Json, { path, get, op, value }: Assertion): boolean {
  const found = read(at(outcome, path), get === "contains" || get === "hasprefix" ? "String" : get);
  if (get === "contains") return String(found).includes(String(value)) === (op === "eq");
  if (get === "hasprefix") return String(found).startsWith(String(value)) === (op === "eq");
  const same =
    get === "Raw"
      ? JSON.stringify(JSON.parse(String(value))) === found
      : JSON.stringify(found) === JSON.stringify(value);
  return same === (op === "eq");
}

function run(each: Case): { readonly outcome: Json; readonly refused?: string } | undefined {
  const match = /^Convert(\w+?)Request(?:To)(\w+?)(?:WithCompat)?$/.exec(each.fn);
  const from = names[match?.[1] ?? ""];
  const to = names[match?.[2] ?? ""];
  const [model, text, stream] = each.args;
  if (from === undefined || to === undefined || typeof text !== "string") return undefined;
  const client = codecs.get(from);
  const codec = codecs.get(to);
  const body = parseExactObject(text);
  if (client === undefined || codec === undefined || body === undefined) return undefined;
  const asked = { model: String(model), stream: stream === true };
  const decoded = client.ingress.readRequest(client.addressing === "path" ? body : { ...body, ...asked }, asked);
  if (!decoded.ok) return { outcome: {}, refused: decoded.failure.message };
  const dialect = { streamUsage: true, developerRole: match?.[2] === "Codex" };
  const target = { endpoint: "there", model: asked.model, client: from };
  const written = translate(decoded.value.request, { codec, dialect, features: features(), target });
  const outcome = JSON.parse(written.body.toString()) as JsonObject;
  return { outcome: match?.[2] === "Antigravity" ? { request: outcome } : outcome };
}

const [file = "", flag, wanted] = process.argv.slice(2);
const cases = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => JSON.parse(line) as Case);
const count = { held: 0, otherwise: 0, scope: 0, failed: 0 };
for (const each of cases) {
  const shown = flag === "--show" && each.test.includes(wanted ?? "");
  const result = outOfScope(each.fn) === undefined ? run(each) : undefined;
  if (result === undefined) {
    count.scope += each.asserts.length;
    continue;
  }
  if (shown) console.log(`${each.test}\n${String(each.args[1])}\n=> ${JSON.stringify(result.outcome, null, 1)}`);
  for (const assertion of each.asserts) {
    const name = `${each.fn} ${each.test} ${assertion.path} ${assertion.get} ${assertion.op} ${JSON.stringify(assertion.value)}`;
    if (shown) console.log(holds(result.outcome, assertion) ? "  held " : "  NOT  ", name);
    if (holds(result.outcome, assertion)) count.held++;
    else if (decidedOtherwise(each.test, assertion.path) !== undefined) count.otherwise++;
    else {
      count.failed++;
      const found = JSON.stringify(at(result.outcome, assertion.path));
      console.log(`${name}\n    found ${found?.slice(0, 160)} ${result.refused ?? ""}`);
    }
  }
}
console.log(
  `${count.held} held, ${count.otherwise} decided otherwise, ${count.scope} of protocols that we do not have, ${count.failed} failed`,
);
process.exitCode = count.failed === 0 ? 0 : 1;
