/** Tokens of thinking that each effort stands for; there is no standard (facts: vendors' own tables, 2026-11). */
const budgets: readonly (readonly [effort: string, tokens: number])[] = [
  ["none", 0],
  ["minimal", 1024],
  ["low", 4096],
  ["medium", 8192],
  ["high", 24_576],
  ["xhigh", 32_768],
];

/** The tokens that an effort stands for; undefined for words that leave it to the model, such as `auto`. */
export function budgetOf(effort: string): number | undefined {
  return budgets.find(([name]) => name === (effort === "max" || effort === "ultra" ? "xhigh" : effort))?.[1];
}

/** The least effort that a budget fits into; undefined for a negative one, which means "as much as you like". */
export function effortOf(budget: number): string | undefined {
  if (budget < 0) return undefined;
  return budgets.find(([, tokens]) => budget <= tokens)?.[0] ?? "xhigh";
}

/** The nearest of the words that a backend knows, the weakest first; the word itself if it is among them. */
export function nearestEffort(effort: string, known: readonly string[]): string | undefined {
  if (known.includes(effort)) return effort;
  const wanted = budgetOf(effort);
  if (wanted === undefined) return undefined;
  return known.find((word) => (budgetOf(word) ?? -1) >= wanted) ?? known.at(-1);
}
