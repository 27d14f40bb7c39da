import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Sampling } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { readSampling, writeSampling } from "../shared/openai-sampling.ts";
import { plainObjectOf } from "./arguments.ts";

/** Options without a canonical word stand in `extra` under this and their name, so that a loss names the very option. */
const prefix = "options.";

interface ReadOptions {
  readonly sampling: Sampling;
  readonly maxOutputTokens: number | undefined;
  /** The other options, for `extra`. */
  readonly own: JsonObject;
}

/** Reads `options`. A `num_predict` below 1 means no limit, or as much as the window holds: only Ollama knows that. */
export function readOptions(value: Json | undefined, complaints: Complaints): ReadOptions {
  const options = complaints.object(value, "options") ?? {};
  const predict = complaints.integer(options["num_predict"], "options.num_predict");
  const limited = predict !== undefined && predict >= 1;
  const { sampling: given, rest: others } = readSampling(options, complaints, "options.");
  const { stop, ...sampling } = given;
  const rest = Object.entries(others).filter(
    ([name, option]) => option !== null && !(name === "num_predict" && limited),
  );
  return {
    sampling: stop === undefined || stop.length === 0 ? sampling : given,
    maxOutputTokens: limited ? predict : undefined,
    own: Object.fromEntries(rest.map(([name, option]) => [prefix + name, option])),
  };
}

/** `options` of a request; empty if there are none. `own` is what is kept of this protocol. */
export function writeOptions(
  request: Pick<GenerationRequest, "maxOutputTokens"> & { readonly sampling?: Sampling },
  own: JsonObject,
): JsonObject {
  const { sampling = {}, maxOutputTokens } = request;
  const kept = Object.entries(own).filter(([name]) => name.startsWith(prefix));
  return {
    ...Object.fromEntries(kept.map(([name, option]) => [name.slice(prefix.length), option])),
    ...writeSampling(sampling),
    ...(maxOutputTokens !== undefined && { num_predict: maxOutputTokens }),
  };
}

/** What is kept of this protocol beside the options. */
export function beside(own: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(own).filter(([name]) => !name.startsWith(prefix)));
}

/** The options that a body gives; undefined for what is no object, which the backend explains better than we could. */
export function givenOptions(value: unknown): JsonObject | undefined {
  if (value === undefined || value === null) return {};
  return plainObjectOf(value as Json);
}
