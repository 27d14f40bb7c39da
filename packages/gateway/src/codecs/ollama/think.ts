import type { Json } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Reasoning } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { effortOf } from "../shared/effort.ts";

/** Ollama's levels, the weakest first (api/types.go, ThinkValue). */
const levels = ["low", "medium", "high", "max"];

/** Efforts that Ollama calls otherwise (openai/openai.go, thinkFromReasoningEffort). */
const levelOf: ReadonlyMap<string, boolean | string> = new Map<string, boolean | string>([
  ["none", false],
  ["minimal", "low"],
  ["xhigh", "max"],
  ["ultra", "max"],
  ...levels.map((level): [string, string] => [level, level]),
]);

/** Reads `think`. What a model thinks always reaches Ollama's clients. */
export function readThink(value: Json | undefined, complaints: Complaints): Reasoning | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "boolean") return value ? { show: true } : { effort: "none" };
  if (typeof value !== "string") return complaints.wrongType("think", "one of a boolean or string", value);
  return levels.includes(value) ? { effort: value, show: true } : complaints.wrongValue("think", value, levels);
}

/** `think` of a request: on or off, or a level. */
export function writeThink(reasoning: Reasoning | undefined, losses: Loss[]): boolean | string | undefined {
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens } = reasoning;
  if (effort !== undefined) return levelOf.get(effort) ?? true;
  if (budgetTokens === undefined) return true;
  if (budgetTokens !== 0) losses.push({ field: "reasoning.budgetTokens", reason: "approximated" });
  const nearest = effortOf(budgetTokens);
  return nearest === undefined ? true : (levelOf.get(nearest) ?? true);
}
