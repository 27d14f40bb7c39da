import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Reasoning } from "../../kernel/request.ts";
import { budgetOf, effortOf, nearestEffort } from "../shared/effort.ts";
import { thinkingControl } from "./names.ts";

/** Budgets that the models of 2.5 take (ai.google.dev, thinking): least and most tokens, and whether 0 turns it off. */
const budgets: readonly (readonly [model: RegExp, least: number, most: number, off: boolean])[] = [
  [/flash-lite/, 512, 24_576, true],
  [/flash/, 1, 24_576, true],
  [/pro/, 128, 32_768, false],
];

interface About {
  readonly model: string;
  readonly maxOutputTokens: number | undefined;
  readonly losses: Loss[];
}

/**
 * `thinkingConfig`: a level for Gemini 3 and later, a budget for 2.5. A budget leaves room for the answer, since
 * `maxOutputTokens` counts thoughts too.
 */
export function writeThinking(reasoning: Reasoning | undefined, about: About): JsonObject | undefined {
  if (reasoning === undefined) return undefined;
  const control = thinkingControl(about.model);
  const { effort, budgetTokens, show } = reasoning;
  if (control === "none") {
    if (effort !== "none") about.losses.push({ field: "reasoning", reason: "unsupported" });
    return undefined;
  }
  const byLevel = control === "level" || (control === "either" && budgetTokens === undefined && effort !== "none");
  const amount = byLevel ? writeLevel(reasoning, about) : writeBudget(reasoning, about);
  return compact({ ...amount, includeThoughts: show }) as JsonObject;
}

function writeLevel({ effort, budgetTokens }: Reasoning, { model, losses }: About): { thinkingLevel?: Json } {
  const wanted = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
  if (wanted === undefined) return {};
  // Gemini 3 Pro knows two levels; none of them is off.
  const known = /gemini-3-pro/.test(model) ? ["low", "high"] : ["minimal", "low", "medium", "high"];
  const level = nearestEffort(wanted, known);
  if (level === undefined) return {};
  if (effort === undefined) losses.push({ field: "reasoning.budgetTokens", reason: "approximated" });
  else if (level !== effort) losses.push({ field: "reasoning.effort", reason: "approximated" });
  return { thinkingLevel: level.toUpperCase() };
}

function writeBudget({ effort, budgetTokens, show }: Reasoning, about: About): { thinkingBudget?: number } {
  const { model, maxOutputTokens, losses } = about;
  const wanted = budgetTokens ?? (effort === undefined ? undefined : (budgetOf(effort) ?? -1));
  // Only to be shown is not to be turned on.
  if (wanted === undefined) return show === undefined ? { thinkingBudget: -1 } : {};
  if (wanted < 0) return { thinkingBudget: -1 };
  const [, least, most, off] = budgets.find(([name]) => name.test(model)) ?? ["", 0, 32_768, true];
  const room = maxOutputTokens === undefined || wanted < maxOutputTokens ? most : Math.floor(maxOutputTokens / 2);
  const budget = wanted === 0 && off ? 0 : Math.max(least, Math.min(wanted, most, room));
  // An effort is a word for some budget; a budget that was named is not.
  if (budget !== wanted && (budgetTokens !== undefined || wanted === 0)) {
    const name = budgetTokens === undefined ? "effort" : "budgetTokens";
    losses.push({ field: `reasoning.${name}`, reason: "approximated" });
  }
  return { thinkingBudget: budget };
}
