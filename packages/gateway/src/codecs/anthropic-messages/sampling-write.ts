import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Sampling } from "../../kernel/request.ts";
import type { ModelTraits } from "./model.ts";

const unknown = ["minP", "frequencyPenalty", "presencePenalty", "seed", "logprobs", "topLogprobs"] as const;

/** The API's default, and the most it takes. */
const mostTemperature = 1;

/** The least `top_p` that the API takes beside thinking. */
const leastTopP = 0.95;

export interface SamplingSight {
  readonly traits: ModelTraits;
  readonly isThinking: boolean;
}

/**
 * The fields of sampling that the model takes. Penalties of 0, `seed` and the like change nothing or cannot be said.
 * Beside thinking the API takes neither a temperature nor `top_k`, and `top_p` only from 0.95 on.
 */
export function writeSampling(sampling: Sampling, { traits, isThinking }: SamplingSight, losses: Loss[]): JsonObject {
  const lost = (field: keyof Sampling): undefined =>
    void losses.push({ field: `sampling.${field}`, reason: "unsupported" });
  for (const field of unknown) {
    const value = sampling[field];
    // Of a seed 0 is as good as any.
    if (value !== undefined && (value !== 0 || field === "seed") && value !== false) lost(field);
  }
  const isFree = traits.sampling !== "none" && !isThinking;
  const { temperature, topP, topK } = sampling;
  const isHot = (temperature ?? 0) > mostTemperature;
  if (isFree && isHot) losses.push({ field: "sampling.temperature", reason: "approximated" });
  // The default goes without saying.
  const isDefault = temperature === mostTemperature && traits.sampling !== "none";
  const isTooNarrow = isThinking && (topP ?? 1) < leastTopP;
  const isSecond = traits.sampling === "one" && temperature !== undefined && !isThinking;
  const dropsTopP = traits.sampling === "none" || isTooNarrow || isSecond;
  return compact({
    temperature: temperature === undefined || isFree || isDefault ? clamp(temperature, isHot) : lost("temperature"),
    top_p: topP === undefined || !dropsTopP ? topP : lost("topP"),
    top_k: topK === undefined || isFree ? topK : lost("topK"),
    stop_sequences: writeStop(sampling.stop, losses),
  }) as JsonObject;
}

function clamp(temperature: number | undefined, isHot: boolean): number | undefined {
  return isHot ? mostTemperature : temperature;
}

/** The API refuses a stop sequence of nothing but white space. */
function writeStop(stop: readonly string[] | undefined, losses: Loss[]): readonly string[] | undefined {
  if (stop === undefined) return undefined;
  const visible = stop.filter((each) => each.trim() !== "");
  if (visible.length < stop.length) losses.push({ field: "sampling.stop", reason: "unsupported" });
  return visible.length === 0 ? undefined : visible;
}
