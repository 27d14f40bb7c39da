import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, OutputFormat, Reasoning, Sampling } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { unlessEmpty } from "../shared/json.ts";
import { camel } from "./names.ts";
import { raiseSchema } from "./schema-read.ts";

/** What `generationConfig` says in canonical words, and the rest of it. */
export interface ReadGeneration {
  readonly sampling: Sampling;
  readonly request: Partial<Pick<GenerationRequest, "maxOutputTokens" | "candidates" | "reasoning" | "output">>;
  readonly rest?: JsonObject;
}

function at(name: string): string {
  return `generationConfig.${name}`;
}

/** Reads `generationConfig`. */
export function readGeneration(value: Json | undefined, complaints: Complaints): ReadGeneration {
  const given = camel(complaints.object(value, "generationConfig") ?? {});
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty, stopSequences, ...afterSampling } = given;
  const { responseLogprobs, logprobs, maxOutputTokens, candidateCount, thinkingConfig, ...others } = afterSampling;
  const sampling = compact({
    temperature: complaints.number(temperature, at("temperature")),
    topP: complaints.number(topP, at("topP")),
    topK: complaints.number(topK, at("topK")),
    frequencyPenalty: complaints.number(frequencyPenalty, at("frequencyPenalty")),
    presencePenalty: complaints.number(presencePenalty, at("presencePenalty")),
    seed: complaints.digits(seed, at("seed")),
    stop: complaints.strings(stopSequences, at("stopSequences")),
    logprobs: complaints.boolean(responseLogprobs, at("responseLogprobs")),
    topLogprobs: complaints.integer(logprobs, at("logprobs"), { least: 0, most: 20 }),
  });
  const thinking = readThinking(thinkingConfig, complaints);
  const output = readOutput(others, complaints);
  const rest = unlessEmpty({ ...output.rest, ...(thinking.rest && { thinkingConfig: thinking.rest }) });
  return {
    sampling,
    request: compact({
      maxOutputTokens: complaints.integer(maxOutputTokens, at("maxOutputTokens"), { least: 1 }),
      candidates: complaints.integer(candidateCount, at("candidateCount"), { least: 1 }),
      reasoning: thinking.reasoning,
      output: output.format,
    }),
    ...compact({ rest }),
  };
}

/** A budget of 0 is off, -1 as much as the model likes. `includeThoughts` alone says nothing of how much. */
function readThinking(
  value: Json | undefined,
  complaints: Complaints,
): { readonly reasoning?: Reasoning; readonly rest?: JsonObject } {
  const path = "generationConfig.thinkingConfig";
  const given = complaints.object(value, path);
  if (given === undefined) return {};
  const { includeThoughts, thinkingBudget, thinkingLevel, ...rest } = camel(given);
  const show = complaints.boolean(includeThoughts, `${path}.includeThoughts`);
  const budget = complaints.integer(thinkingBudget, `${path}.thinkingBudget`);
  const level = complaints
    .string(thinkingLevel, `${path}.thinkingLevel`)
    ?.replace(/^THINKING_LEVEL_/, "")
    .toLowerCase();
  const effort = budget === 0 ? "none" : level === "unspecified" ? undefined : level;
  const reasoning = compact({ effort, budgetTokens: budget === 0 ? undefined : budget, show });
  // Not to be shown is not to be turned on.
  const says = effort !== undefined || budget !== undefined || show === true;
  const kept = unlessEmpty({ ...rest, ...(!says && show === false && { includeThoughts: false }) });
  return compact({ reasoning: says ? reasoning : undefined, rest: kept });
}

const jsonType = "application/json";

function readOutput(
  config: JsonObject,
  complaints: Complaints,
): { readonly format?: OutputFormat; readonly rest: JsonObject } {
  const { responseMimeType, responseSchema, responseJsonSchema, ...rest } = config;
  const { _responseJsonSchema: older, ...others } = rest;
  const mimeType = complaints.string(responseMimeType, "generationConfig.responseMimeType") ?? "";
  // A choice of words is not JSON; nobody else has it.
  if (mimeType !== "" && mimeType !== jsonType && mimeType !== "text/plain") return { rest: config };
  const schema =
    complaints.object(responseJsonSchema ?? older, "generationConfig.responseJsonSchema") ??
    complaints.object(responseSchema, "generationConfig.responseSchema");
  if (schema !== undefined) return { format: { type: "json-schema", schema: raiseSchema(schema) }, rest: others };
  if (mimeType === jsonType) return { format: { type: "json" }, rest: others };
  return { ...(mimeType !== "" && { format: { type: "text" } }), rest: others };
}
