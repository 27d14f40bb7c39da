import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Reasoning } from "../../kernel/request.ts";
import { budgetOf, effortOf, nearestEffort } from "../shared/effort.ts";
import { objectOf } from "../shared/json.ts";
import { protocol } from "./keep.ts";
import type { ModelTraits } from "./model.ts";

/** Words of `output_config.effort`, the weakest first (`OutputConfig` of the SDK). */
const efforts = ["low", "medium", "high", "xhigh", "max"];

/** The least that `thinking.budget_tokens` may be. */
const leastBudget = 1024;

export interface ThinkingPlan {
  /** The fields `max_tokens` and `thinking`. */
  readonly fields: JsonObject;
  readonly effort?: string;
  /** Thinking is asked for: sampling is restricted and a prefill refused. */
  readonly isOn: boolean;
}

/** What stands against thinking in this request. */
export interface ThinkingSight {
  readonly traits: ModelTraits;
  /** The choice of tools forces a call: the API refuses thinking beside it. */
  readonly isForced: boolean;
  /** The turn is in the midst of calls, and the assistant's last message does not start with its thinking. */
  readonly lacksThinking: boolean;
}

/**
 * Decides on `thinking`, `output_config.effort` and `max_tokens`, which bear on each other:
 * - `max_tokens` is the request's, else what the model's generation takes (see `model.ts`).
 * - A budget is written as a budget where the model knows budgets, else as the effort it fits into. An effort is
 *   written as an effort with adaptive thinking where the model knows that, else as the budget it stands for.
 * - A budget is at least 1024 and less than `max_tokens`: one that is too big becomes three quarters of `max_tokens`;
 *   where that is too small, there is no thinking.
 * - No thinking beside a forced call, and none where the API would miss the thinking that went before a call; where
 *   thinking is adaptive it misses none.
 */
export function planThinking(request: GenerationRequest, sight: ThinkingSight, losses: Loss[]): ThinkingPlan {
  const limit = Math.max(1, request.maxOutputTokens ?? sight.traits.outputTokens);
  const max_tokens: Json = request.maxOutputTokens ?? limit;
  const off = (effort?: string): ThinkingPlan => ({ fields: { max_tokens }, isOn: false, ...compact({ effort }) });
  const own = request.extra?.[protocol]?.["thinking"];
  const { reasoning } = request;
  const effort = writeEffort(reasoning?.effort, sight.traits, losses);
  const whole = objectOf(own);
  if (typeof whole?.["type"] === "string") {
    return { fields: { max_tokens, thinking: whole }, isOn: true, ...compact({ effort }) };
  }
  if (reasoning === undefined) return off();
  // The effort came without thinking.
  if (own === null) return off(effort);
  if (reasoning.effort === "none" || reasoning.budgetTokens === 0) {
    return { ...off(), fields: { max_tokens, thinking: { ...whole, type: "disabled" } } };
  }
  if (sight.traits.thinking === "none" || sight.isForced) {
    losses.push({ field: "reasoning", reason: "unsupported" });
    return off(effort);
  }
  const display = reasoning.show === undefined ? {} : { display: reasoning.show ? "summarized" : "omitted" };
  const budget = budgetFor(reasoning, sight.traits, losses);
  if (budget === undefined) {
    const word = effort ?? effortInstead(reasoning, losses);
    return {
      fields: { max_tokens, thinking: { ...whole, type: "adaptive", ...display } },
      isOn: true,
      ...compact({ effort: word }),
    };
  }
  const fitting = fitBudget(budget, limit);
  if (fitting === undefined || sight.lacksThinking) {
    losses.push({ field: "reasoning", reason: "unsupported" });
    return off();
  }
  if (fitting !== budget) losses.push({ field: "reasoning.budgetTokens", reason: "approximated" });
  const thinking: JsonObject = { ...whole, type: "enabled", budget_tokens: fitting, ...display };
  const beside = reasoning.budgetTokens === undefined ? undefined : effort;
  return { fields: { max_tokens, thinking }, isOn: true, ...compact({ effort: beside }) };
}

function writeEffort(effort: string | undefined, traits: ModelTraits, losses: Loss[]): string | undefined {
  if (effort === undefined || effort === "none" || traits.thinking === "none") return undefined;
  const word = nearestEffort(effort, efforts);
  // What becomes a budget is reported there.
  if (word !== effort && traits.thinking !== "budget")
    losses.push({ field: "reasoning.effort", reason: "approximated" });
  return word;
}

/** The budget to be written; undefined for adaptive thinking. */
function budgetFor(reasoning: Reasoning, traits: ModelTraits, losses: Loss[]): number | undefined {
  const given = reasoning.budgetTokens;
  // A negative budget means "as much as you like" (Gemini).
  const budget = given !== undefined && given > 0 ? given : undefined;
  if (traits.thinking !== "budget") return traits.thinking === "both" ? budget : undefined;
  if (budget !== undefined) return budget;
  if (reasoning.effort !== undefined) losses.push({ field: "reasoning.effort", reason: "approximated" });
  return (reasoning.effort && budgetOf(reasoning.effort)) || budgetOf("medium");
}

/** The effort that a budget fits into, for models without budgets. */
function effortInstead(reasoning: Reasoning, losses: Loss[]): string | undefined {
  const budget = reasoning.budgetTokens;
  if (budget === undefined || budget < 0) return undefined;
  losses.push({ field: "reasoning.budgetTokens", reason: "approximated" });
  const effort = effortOf(budget);
  return effort && nearestEffort(effort, efforts);
}

function fitBudget(budget: number, limit: number): number | undefined {
  if (limit <= leastBudget) return undefined;
  if (budget >= limit) return Math.max(leastBudget, Math.floor(limit * 0.75));
  return Math.max(leastBudget, budget);
}
