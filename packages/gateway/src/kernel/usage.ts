/**
 * Token counts of one answer. A field that the backend did not report is absent: unknown is not zero.
 *
 * `inputTokens` is everything that was read, cached or not (OpenAI's convention); `cacheReadTokens` and
 * `cacheWriteTokens` are parts of it. `outputTokens` includes `reasoningTokens`.
 */
export interface Usage {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly reasoningTokens?: number;
}

/** Price in US dollars per million tokens, which is the same number as micro-dollars per token. */
export interface Price {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}

/**
 * Cost of an answer in whole micro-dollars, or undefined when a count or a price that it needs is unknown.
 * Cached input without a price of its own is charged as plain input, which can only overstate.
 */
export function costOf(usage: Usage | undefined, price: Price | undefined): number | undefined {
  if (usage === undefined || price === undefined) return undefined;
  const { inputTokens, outputTokens } = usage;
  if (inputTokens === undefined || price.input === undefined) return undefined;
  if (outputTokens === undefined ? price.output !== 0 && price.output !== undefined : price.output === undefined) {
    return undefined;
  }
  const read = Math.min(usage.cacheReadTokens ?? 0, inputTokens);
  const write = Math.min(usage.cacheWriteTokens ?? 0, inputTokens - read);
  const fresh = inputTokens - read - write;
  return Math.round(
    fresh * price.input +
      read * (price.cacheRead ?? price.input) +
      write * (price.cacheWrite ?? price.input) +
      (outputTokens ?? 0) * (price.output ?? 0),
  );
}

const counts = ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens", "reasoningTokens"] as const;

/** The sums of the counts that every answer reports; undefined when there are none. */
export function sumOf(usages: readonly (Usage | undefined)[]): Usage | undefined {
  const entries = counts.flatMap((name) => {
    const values = usages.map((usage) => usage?.[name]);
    if (values.includes(undefined)) return [];
    return [[name, values.reduce<number>((sum, value) => sum + (value ?? 0), 0)] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
