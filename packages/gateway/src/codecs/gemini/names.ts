import type { JsonObject } from "../../kernel/json.ts";

const inner = /[a-z0-9]_[a-z]/;

/**
 * A message's fields by their camelCase names. Google reads each field by this name and by its snake_case one
 * (protojson); where both are given, the first counts. Only for objects whose keys are field names, never for data.
 */
export function camel(message: JsonObject): JsonObject {
  const names = Object.keys(message);
  if (!names.some((name) => inner.test(name))) return message;
  const entries = Object.entries(message);
  const renamed = entries
    .filter(([name]) => inner.test(name))
    .map(([name, value]) => [camelName(name), value] as const);
  return Object.fromEntries([...renamed, ...entries.filter(([name]) => !inner.test(name))]);
}

function camelName(name: string): string {
  return name.replace(/([a-z0-9])_([a-z])/g, (_, before: string, after: string) => before + after.toUpperCase());
}

/** How a model's thinking is set. `either` for names that tell nothing, such as a deployment's own. */
export type ThinkingControl = "level" | "budget" | "none" | "either";

/** By the generations of Gemini (ai.google.dev, thinking): levels since 3, budgets in 2.5, nothing before. */
export function thinkingControl(model: string): ThinkingControl {
  if (/gemini-(?:[3-9]|\d{2})/.test(model)) return "level";
  if (/gemini-2\.5|gemini-[a-z-]+-latest|gemini-robotics/.test(model)) return "budget";
  return isOld(model) ? "none" : "either";
}

/** Models before Gemini 3, by their names. */
function isOld(model: string): boolean {
  return /gemini-(?:[12]\b|pro\b|flash\b)|gemma|learnlm/.test(model);
}

/** Since Gemini 3 a call from history without its thought signature is refused. A name that tells nothing may be one. */
export function wantsSignatures(model: string): boolean {
  return !isOld(model);
}

/** Since Gemini 3: media within a function's response, and an output schema beside functions. */
export function isThirdGeneration(model: string): boolean {
  return thinkingControl(model) === "level";
}
