import type { Dialect, WrittenRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest, OutputFormat, Sampling } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, unlessEmpty, without } from "../shared/json.ts";
import { ContentsWriter } from "./contents-write.ts";
import { isThirdGeneration } from "./names.ts";
import { writeThinking } from "./thinking-write.ts";
import { writeTools } from "./tools-write.ts";
import { lowerSchema } from "./schema-lower.ts";

const woven = new Set(["tools", "toolConfig", "generationConfig"]);
/** Most stop strings of a request (ai.google.dev, GenerationConfig). */
const mostStops = 5;

/** Writes a generateContent request. Its model and mode go into the path. A loss's field is the canonical path. */
export function writeRequest(request: CanonicalRequest, _dialect: Dialect): WrittenRequest {
  if (request.operation !== "generate") throw new TypeError(`A Gemini request cannot ${request.operation}.`);
  const losses: Loss[] = foreignLosses(request.extra, "gemini", "");
  const own = request.extra?.gemini ?? {};
  const { contents, systemInstruction } = new ContentsWriter(request.model, losses).write(request.messages);
  const output = writeOutput(request, losses);
  const config = unlessEmpty({
    ...objectOf(own["generationConfig"]),
    ...writeSampling(request.sampling, losses),
    ...compact({ candidateCount: request.candidates, maxOutputTokens: request.maxOutputTokens }),
    ...output.fields,
    ...writeThinkingConfig(request, losses),
  });
  for (const field of ["verbosity", "user"] as const) {
    if (request[field] !== undefined) losses.push({ field, reason: "unsupported" });
  }
  const instruction = instruct(systemInstruction, output.instruction);
  const body: JsonObject = {
    ...without(own, woven),
    contents,
    ...(instruction && { systemInstruction: instruction }),
    ...writeTools(request, losses),
    ...(config && { generationConfig: config }),
  };
  return { body, losses };
}

function writeThinkingConfig(request: GenerationRequest, losses: Loss[]): JsonObject {
  const { model, maxOutputTokens } = request;
  const kept = objectOf(objectOf(request.extra?.gemini?.["generationConfig"])?.["thinkingConfig"]);
  const thinking = writeThinking(request.reasoning, { model, maxOutputTokens, losses });
  const config = unlessEmpty({ ...kept, ...thinking });
  return config === undefined ? {} : { thinkingConfig: config };
}

function writeSampling(sampling: Sampling, losses: Loss[]): JsonObject {
  const { stop, logprobs, topLogprobs } = sampling;
  if (sampling.minP !== undefined) losses.push({ field: "sampling.minP", reason: "unsupported" });
  if (stop !== undefined && stop.length > mostStops) losses.push({ field: "sampling.stop", reason: "approximated" });
  return compact({
    temperature: sampling.temperature,
    topP: sampling.topP,
    topK: sampling.topK,
    seed: sampling.seed,
    presencePenalty: sampling.presencePenalty,
    frequencyPenalty: sampling.frequencyPenalty,
    stopSequences: stop === undefined || stop.length === 0 ? undefined : stop.slice(0, mostStops),
    responseLogprobs: logprobs,
    logprobs: topLogprobs,
  }) as JsonObject;
}

interface WrittenOutput {
  readonly fields: JsonObject;
  /** Where the model cannot be bound to the format, it is told. */
  readonly instruction?: string;
}

const json: JsonObject = { responseMimeType: "application/json" };

/** Before Gemini 3, a request with functions must not have a JSON answer: the model is only told then. */
function writeOutput(request: GenerationRequest, losses: Loss[]): WrittenOutput {
  const { output, model } = request;
  if (output === undefined || output.type === "text") {
    return { fields: output === undefined ? {} : { responseMimeType: "text/plain" } };
  }
  const schema = output.type === "json-schema" && output.schema ? lowerSchema(output.schema) : undefined;
  const hasTools = request.tools.length > 0 || arrayOf(request.extra?.gemini?.["tools"]).length > 0;
  if (!hasTools || isThirdGeneration(model)) {
    return { fields: schema === undefined ? json : { ...json, responseJsonSchema: schema } };
  }
  losses.push({ field: "output", reason: "approximated" });
  return { fields: {}, instruction: describe(output, schema) };
}

function describe(output: OutputFormat, schema: Json | undefined): string {
  const wish = "When you give your final answer, and call no function, write nothing but one JSON value";
  const description = output.type === "json-schema" && output.description ? ` (${output.description})` : "";
  if (schema === undefined) return `${wish}${description}, without a code fence.`;
  return `${wish}${description}, without a code fence, that is valid for this JSON Schema:\n${JSON.stringify(schema)}`;
}

function instruct(system: JsonObject | undefined, instruction: string | undefined): JsonObject | undefined {
  if (instruction === undefined) return system;
  return { ...system, parts: [...arrayOf(system?.["parts"]), { text: instruction }] };
}
