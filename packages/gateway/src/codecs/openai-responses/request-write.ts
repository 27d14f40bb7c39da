import type { Dialect, WrittenRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest, OutputFormat, Reasoning, Sampling } from "../../kernel/request.ts";
import { effortOf } from "../shared/effort.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { InputWriter, instructionsOf } from "./input-write.ts";
import { isOwn, ownOf, protocol } from "./own.ts";
import { logprobsInclude } from "./request-read.ts";
import { writeToolChoice, writeTools, writtenNames } from "./tools.ts";

/** Extra fields that are written as part of another one. */
const woven = new Set(["tools", "include", "reasoning", "text"]);
/** The least that OpenAI takes as `max_output_tokens` (openai-openapi, CreateResponse). */
const leastOutput = 16;
const encrypted = "reasoning.encrypted_content";

/**
 * Writes a Responses request. One that came by another protocol is not stored, and asks for reasoning's encrypted
 * state in place of that. A loss's field is the canonical path.
 */
export function writeRequest(request: CanonicalRequest, dialect: Dialect): WrittenRequest {
  if (request.operation !== "generate") throw new TypeError(`A Responses request cannot ${request.operation}.`);
  const own = isOwn(request);
  const extra = request.extra?.[protocol] ?? {};
  const losses: Loss[] = foreignLosses(request.extra, protocol, "");
  const stored = own && extra["store"] !== false;
  const instructions = instructionsOf(request);
  const names = writtenNames(request.tools);
  const writer = new InputWriter({ dialect, stored, names, losses });
  const input = writer.write(request.messages, instructions === undefined ? 0 : 1);
  const tools = [...writeTools(request.tools, own, losses), ...arrayOf(extra["tools"])];
  const body = {
    ...(own ? {} : { store: false }),
    ...without(extra, woven),
    model: request.model,
    ...compact({ instructions }),
    input,
    ...writeSampling(request, own, losses),
    ...compact({
      tools: tools.length === 0 ? undefined : tools,
      tool_choice: request.toolChoice && writeToolChoice(request.toolChoice, names, losses),
      parallel_tool_calls: request.parallelToolCalls,
      max_output_tokens: writeLimit(request.maxOutputTokens, own, losses),
      reasoning: writeReasoning(request.reasoning, objectOf(extra["reasoning"]), losses),
      text: writeText(request, objectOf(extra["text"])),
      include: writeInclude(request, own),
      user: request.user,
      stream: request.stream || undefined,
    }),
  } as JsonObject;
  return { body, losses };
}

/** What this protocol has no word for, by its canonical name. */
const unheardOf = ["topK", "minP", "seed", "stop"] as const satisfies readonly (keyof Sampling)[];
/** What only Open Responses knows: OpenAI refuses it. Zero is what they are without it. */
const penalties = ["presencePenalty", "frequencyPenalty"] as const satisfies readonly (keyof Sampling)[];

function writeSampling(request: GenerationRequest, own: boolean, losses: Loss[]): JsonObject {
  const { sampling } = request;
  for (const name of unheardOf) {
    if (sampling[name] !== undefined) losses.push({ field: `sampling.${name}`, reason: "unsupported" });
  }
  for (const name of penalties) {
    if (!own && sampling[name]) losses.push({ field: `sampling.${name}`, reason: "unsupported" });
  }
  if ((request.candidates ?? 1) > 1) losses.push({ field: "candidates", reason: "unsupported" });
  return compact({
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_logprobs: sampling.topLogprobs,
    presence_penalty: own ? sampling.presencePenalty : undefined,
    frequency_penalty: own ? sampling.frequencyPenalty : undefined,
  }) as JsonObject;
}

function writeLimit(limit: number | undefined, own: boolean, losses: Loss[]): number | undefined {
  if (own || limit === undefined || limit >= leastOutput) return limit;
  losses.push({ field: "maxOutputTokens", reason: "approximated" });
  return leastOutput;
}

function writeReasoning(
  reasoning: Reasoning | undefined,
  rest: JsonObject | undefined,
  losses: Loss[],
): JsonObject | undefined {
  const budget = reasoning?.budgetTokens;
  if (budget !== undefined) losses.push({ field: "reasoning.budgetTokens", reason: "approximated" });
  const effort = reasoning?.effort ?? (budget === undefined ? undefined : effortOf(budget));
  const summary = reasoning?.show === true && effort !== "none" ? "auto" : undefined;
  return unlessEmpty({ ...(compact({ effort, summary }) as JsonObject), ...rest });
}

/**
 * Encrypted state is asked for where there is reasoning: a model without any answers 400 to the question ("Encrypted
 * content is not supported with this model").
 */
function writeInclude(request: GenerationRequest, own: boolean): Json | undefined {
  const list = [...arrayOf(request.extra?.[protocol]?.["include"])];
  if (!own && (thinks(request.reasoning) || hasState(request))) list.push(encrypted);
  if (request.sampling.logprobs === true) list.push(logprobsInclude);
  return list.length === 0 ? undefined : [...new Set(list)];
}

function thinks(reasoning: Reasoning | undefined): boolean {
  return reasoning !== undefined && reasoning.effort !== "none" && reasoning.budgetTokens !== 0;
}

function hasState(request: GenerationRequest): boolean {
  return request.messages.some((message) =>
    message.parts.some((part) => part.type === "reasoning" && textOf(ownOf(part)["encrypted_content"]) !== undefined),
  );
}

function writeText(request: GenerationRequest, rest: JsonObject | undefined): JsonObject | undefined {
  const format = writeFormat(request.output, objectOf(rest?.["format"]));
  return unlessEmpty({ ...rest, ...compact({ format, verbosity: request.verbosity }) });
}

function writeFormat(output: OutputFormat | undefined, rest: JsonObject | undefined): JsonObject | undefined {
  if (output === undefined) return rest;
  if (output.type === "text") return { ...rest, type: "text" };
  if (output.type === "json") return { ...rest, type: "json_object" };
  const { name = "answer", description, schema = {}, strict } = output;
  return { ...rest, type: "json_schema", name, schema, ...compact({ description, strict }) };
}
