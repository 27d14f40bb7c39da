import type { Dialect } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Sampling } from "../../kernel/request.ts";
import type { Complaints } from "./complaints.ts";
import { unlessEmpty, without } from "./json.ts";

/** What chat, legacy completions and Ollama's options say alike; log probabilities are said differently. */
type CommonSampling = Omit<Sampling, "logprobs" | "topLogprobs">;

/**
 * Reads the sampling fields that these protocols share; `rest` is what remains.
 * @param path That of the object that holds them, with its dot; empty for the body itself.
 */
export function readSampling(
  body: JsonObject,
  complaints: Complaints,
  path = "",
): { readonly sampling: CommonSampling; readonly rest: JsonObject } {
  const { temperature, top_p, top_k, min_p, frequency_penalty, presence_penalty, seed, stop, ...rest } = body;
  const sampling = compact({
    temperature: complaints.number(temperature, `${path}temperature`),
    topP: complaints.number(top_p, `${path}top_p`),
    topK: complaints.number(top_k, `${path}top_k`),
    minP: complaints.number(min_p, `${path}min_p`),
    frequencyPenalty: complaints.number(frequency_penalty, `${path}frequency_penalty`),
    presencePenalty: complaints.number(presence_penalty, `${path}presence_penalty`),
    seed: complaints.digits(seed, `${path}seed`),
    stop: complaints.strings(stop, `${path}stop`),
  });
  return { sampling, rest };
}

/** The sampling that the backend takes: the first of its stop sequences, and no word that it refuses. */
export function fittingSampling<Given extends CommonSampling>(
  sampling: Given,
  { mostStops = Infinity, topK }: Dialect,
  losses: Loss[],
): Given {
  const fitting = { ...sampling };
  if (topK === false) {
    for (const name of ["topK", "minP"] as const) {
      if (sampling[name] === undefined) continue;
      delete fitting[name];
      losses.push({ field: `sampling.${name}`, reason: "unsupported" });
    }
  }
  if (sampling.stop !== undefined && sampling.stop.length > mostStops) {
    losses.push({ field: "sampling.stop", reason: "approximated" });
    return { ...fitting, stop: sampling.stop.slice(0, mostStops) };
  }
  return fitting;
}

export function writeSampling(sampling: CommonSampling): JsonObject {
  return compact({
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    seed: sampling.seed,
    // OpenAI takes one at least (openai-openapi, StopConfiguration).
    stop: sampling.stop?.length === 0 ? undefined : sampling.stop,
  }) as JsonObject;
}

/** What of `stream_options` is the backend's: `include_usage` is between us and each side. */
export function readStreamOptions(value: Json | undefined, complaints: Complaints): JsonObject | undefined {
  const options = complaints.object(value, "stream_options");
  if (options === undefined) return undefined;
  complaints.boolean(options["include_usage"], "stream_options.include_usage");
  return unlessEmpty(without(options, new Set(["include_usage"])));
}

/** Our own `stream_options`: usage is always asked for where the backend can tell it. */
export function writeStreamOptions(askUsage: boolean, rest: JsonObject | undefined): JsonObject | undefined {
  return unlessEmpty({ ...rest, ...(askUsage && { include_usage: true }) });
}
