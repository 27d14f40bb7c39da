/**
 * Real coding agents, each doing a job through the gateway over a backend of another protocol: write a file by a tool
 * call, then say the last word. Judged by the file and the word.
 *
 * node test/agents/run.ts [TEXT]
 *
 * TEXT keeps those whose name holds it. The agents are installed from npm into a cache directory, without scripts.
 */
import type { JsonObject } from "../../src/kernel/json.ts";
import { startHouse } from "../support/house.ts";
import type { Seen } from "../support/vendors/scene.ts";
import { isObject } from "../support/vendors/scene.ts";
import { endpointOf, startVendor } from "../support/vendors/server.ts";
import type { VendorKind } from "../support/vendors/server.ts";
import { install, work } from "./agent.ts";
import type { Agent } from "./agent.ts";
import { claudeCode, cline, codex, copilot, geminiCli, openCode, pi, qwenCode } from "./list.ts";

const jobs: readonly (readonly [Agent, VendorKind])[] = [
  [claudeCode, "openai-chat"],
  [claudeCode, "openai-responses"],
  [claudeCode, "gemini"],
  [claudeCode, "ollama"],
  [claudeCode, "anthropic-messages"],
  [codex, "anthropic-messages"],
  [codex, "openai-chat"],
  [codex, "gemini"],
  [codex, "openai-responses"],
  [geminiCli, "openai-chat"],
  [geminiCli, "anthropic-messages"],
  [qwenCode("anthropic"), "openai-chat"],
  [qwenCode("chat"), "anthropic-messages"],
  [qwenCode("responses"), "ollama"],
  [qwenCode("gemini"), "openai-chat"],
  [openCode("chat"), "ollama"],
  [openCode("chat"), "anthropic-messages"],
  [openCode("responses"), "openai-chat"],
  [openCode("anthropic"), "openai-chat"],
  [openCode("gemini"), "anthropic-messages"],
  [copilot("chat"), "anthropic-messages"],
  [copilot("responses"), "openai-chat"],
  [copilot("anthropic"), "openai-chat"],
  [cline, "openai-chat"],
  [pi("chat"), "anthropic-messages"],
  [pi("responses"), "openai-chat"],
  [pi("anthropic"), "openai-chat"],
  [pi("gemini"), "anthropic-messages"],
];

const word = "PATCHBAY-WAS-HERE";
const lastWord = "THE-JOB-IS-DONE";
const command = `printf ${word} > hello.txt`;

/** Arguments for the first tool that runs a command, whatever the agent calls it. */
function callOf(seen: Seen): { readonly name: string; readonly arguments: string } | undefined {
  for (const { name, schema } of seen.tools) {
    const { properties } = schema;
    if (!isObject(properties) || !/bash|shell|exec|command/i.test(name)) continue;
    const field = ["command", "cmd", "commands", "script"].find((each) => Object.hasOwn(properties, each));
    if (field === undefined) continue;
    const required = Array.isArray(schema["required"]) ? schema["required"].map(String) : [];
    const entries = required.map((each) => [each, filler(properties[each])] as const);
    return { name, arguments: JSON.stringify({ ...Object.fromEntries(entries), [field]: value(properties[field]) }) };
  }
  return undefined;
}

function value(property: unknown): string | string[] {
  const type = isObject(property) ? String(property["type"]).toLowerCase() : "string";
  return type === "array" ? [command] : command;
}

function filler(property: unknown): JsonObject[string] {
  if (!isObject(property)) return "";
  const type = String(property["type"]).toLowerCase();
  if (type === "boolean") return false;
  if (type === "integer" || type === "number") return 10_000;
  return type === "array" ? [] : "create a file";
}

function scene(seen: Seen) {
  const done = seen.turns.some((turn) => turn.results.length > 0);
  const call = done ? undefined : callOf(seen);
  const usage = { input: 100, output: 10, cached: 20 };
  if (call === undefined) return { reasoning: "It is done.", text: lastWord, usage };
  return { reasoning: "A command will do.", text: "I will write the file.", calls: [call], usage };
}

const wanted = process.argv[2] ?? "";
let passed = 0;
let failed = 0;
let leftOut = 0;
for (const [agent, kind] of jobs) {
  const name = `${agent.name} over ${kind}`;
  if (!name.toLowerCase().includes(wanted.toLowerCase())) continue;
  try {
    await install(agent);
  } catch (error) {
    leftOut++;
    console.log(`NOT RUN  ${name}: ${String(error).slice(0, 300)}`);
    continue;
  }
  await using vendor = await startVendor(kind);
  vendor.play(scene);
  await using house = await startHouse({
    document: {
      endpoints: [endpointOf(vendor)],
      // Agents ask for other models too, such as small ones for titles.
      models: [{ name: "any", aliases: ["*"], targets: [{ endpoint: kind, model: "real" }] }],
    },
  });
  const begun = performance.now();
  const done = await work(agent, {
    url: house.url,
    model: "test-model",
    prompt: "Create the file hello.txt by a command.",
  });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const spoken = done.output.includes(lastWord);
  if (done.file === word && spoken && vendor.refused.length === 0) {
    passed++;
    console.log(`ok    ${name}: ${vendor.seen.length} requests, ${seconds} s`);
    continue;
  }
  failed++;
  console.log(`FAIL  ${name}: exit ${done.code}, file ${JSON.stringify(done.file)}, last word ${spoken}, ${seconds} s`);
  for (const reason of new Set(vendor.refused)) console.log(`      refused: ${reason}`);
  for (const row of (await house.store.ledger.recent(5)).toReversed()) {
    console.log(`      ${row.surface} ${row.requestedModel} -> ${row.status} ${row.failureKind ?? ""}`);
  }
  console.log(done.output.slice(-1500).replaceAll(/^/gm, "      | "));
}
if (leftOut > 0) console.log(`${leftOut} could not be installed, and were not run`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
