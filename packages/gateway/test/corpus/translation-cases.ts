/**
 * Runs translation cases of another project through our codecs: each has a request in one protocol, the protocol it is
 * translated to, and assertions on paths of the outcome. What we decide otherwise on purpose stands in
 * `decided-otherwise.ts` with its reason; anything else that differs fails.
 *
 * node test/corpus/translation-cases.ts FILE [--show TEXT]
 *
 * FILE holds a case a line: `{test, fn, args, asserts: [{path, get, arg?, op, value}]}`. The cases are others' and are not
 * part of this repository. `--show` prints input, outcome and assertions of the cases whose name holds TEXT.
 */
import { readFileSync } from "node:fs";
import { codecs } from "../../src/app/codecs.ts";
import { systemClock } from "../../src/app/system-clock.ts";
import { features } from "../../src/app/features.ts";
import { parseExactObject } from "../../src/codecs/shared/exact.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { isJsonObject } from "../../src/kernel/json.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";
import { translate } from "../../src/relay/translation.ts";
import { equivalents } from "./equivalents.ts";
import { decidedOtherwise, outOfScope } from "./decided-otherwise.ts";

interface Assertion {
  readonly path: string;
  readonly get: string;
  /** What `contains` and `hasprefix` look for. */
  readonly arg?: string;
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

/** The value at a dotted path; `#` is a list's length, `#(name==word)` its entry with that name. */
function at(value: Json | undefined, path: string): Json | undefined {
  let current = value;
  const steps = path === "" ? [] : path.split(/(?<!\\)\./);
  for (const step of steps.map((each) => each.replaceAll("\\", ""))) {
    const wanted = /^#\((\w+)==?"?([^")]*)"?\)$/.exec(step);
    if (Array.isArray(current)) {
      const list = current as readonly Json[];
      if (wanted === null) current = step === "#" ? list.length : list[Number(step)];
      else current = list.find((each) => isJsonObject(each) && each[wanted[1] ?? ""] === wanted[2]);
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

/** JSON text as we would write it; any other text as it is. */
function normal(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

function holds(outcome: Json, { path, get, arg = "", op, value }: Assertion): boolean {
  const isText = get === "contains" || get === "hasprefix";
  const found = read(at(outcome, path), isText ? "String" : get);
  const text = String(found);
  if (isText) return ((get === "contains" ? text.includes(arg) : text.startsWith(arg)) === value) === (op === "eq");
  const same = get === "Raw" ? normal(String(value)) === found : JSON.stringify(found) === JSON.stringify(value);
  return same === (op === "eq");
}

/** Some cases have no conversation, without which no vendor takes a request. */
function withConversation(from: Protocol, body: JsonObject): JsonObject {
  if (from === "openai-responses") return body["input"] === undefined ? { ...body, input: "Begin." } : body;
  if (from === "gemini" || (Array.isArray(body["messages"]) && body["messages"].length > 0)) return body;
  return { ...body, messages: [{ role: "user", content: "Begin." }] };
}

interface Outcome {
  /** What was written, in each form that means the same. */
  readonly forms: readonly Json[];
  readonly refused?: string;
}

/** The one case of an answer: a whole response of Responses, told to a client of chat. */
function tell({ args }: Case): Outcome | undefined {
  const [request, event] = [args[2], args[4]].map((text) =>
    typeof text === "string" ? parseExactObject(text) : undefined,
  );
  const response = event?.["response"];
  const [from, to] = [codecs.get("openai-responses"), codecs.get("openai-chat")];
  if (request === undefined || !isJsonObject(response) || from === undefined || to === undefined) return undefined;
  const events = from.egress.readAnswer(response, { id: "attempt" });
  const context = { id: "answer", created: 0, model: "model", request, lost: () => {} };
  return { forms: [parseExactObject(to.ingress.writeAnswer(events, context)) ?? {}] };
}

function run(each: Case): Outcome | undefined {
  if (each.fn === "ConvertCodexResponseToOpenAINonStream") return tell(each);
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
  const filled = withConversation(from, body);
  const decoded = client.ingress.readRequest(client.addressing === "path" ? body : { ...filled, ...asked }, asked);
  if (!decoded.ok) return { forms: [{}], refused: decoded.failure.message };
  const dialect = { streamUsage: true, developerRole: match?.[2] === "Codex" };
  const target = { endpoint: "there", model: asked.model, client: from };
  const written = translate(decoded.value.request, { codec, dialect, features: features(systemClock), target });
  const forms = equivalents(JSON.parse(written.body.toString()) as JsonObject, to);
  return { forms: match?.[2] === "Antigravity" ? forms.map((request) => ({ request })) : forms };
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
  if (shown) console.log(`${each.test}\n${String(each.args[1])}\n=> ${JSON.stringify(result.forms[0], null, 1)}`);
  for (const assertion of each.asserts) {
    const name = `${each.fn} ${each.test} ${assertion.path} ${assertion.get} ${assertion.op} ${JSON.stringify(assertion.value)}`;
    const isHeld = result.forms.some((form) => holds(form, assertion));
    if (shown) console.log(isHeld ? "  held " : "  NOT  ", name);
    if (isHeld) count.held++;
    else if (decidedOtherwise(each.test, assertion.path) !== undefined) count.otherwise++;
    else {
      count.failed++;
      const found = JSON.stringify(at(result.forms[0], assertion.path));
      console.log(`${name}\n    found ${found?.slice(0, 160)} ${result.refused ?? ""}`);
    }
  }
}
console.log(
  `${count.held} held, ${count.otherwise} decided otherwise, ${count.scope} of protocols that we do not have, ${count.failed} failed`,
);
process.exitCode = count.failed === 0 ? 0 : 1;
