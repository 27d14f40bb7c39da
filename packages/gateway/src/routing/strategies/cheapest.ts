import type { Price } from "../../kernel/usage.ts";
import type { Candidate } from "../candidates.ts";

/** Tokens that are read for each one that is written: agents send long conversations and get short turns. */
const readPerWritten = 3;

/** What a million tokens cost in US dollars, three read for each one written; undefined where a price is unknown. */
export function costOf(price: Price | undefined): number | undefined {
  if (price?.input === undefined || price.output === undefined) return undefined;
  return (readPerWritten * price.input + price.output) / (readPerWritten + 1);
}

/** The cheaper first; those of unknown price last; equals as they stand. */
export function byPrice(candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates
    .toSorted((a, b) => (a.cost ?? Number.MAX_VALUE) - (b.cost ?? Number.MAX_VALUE))
    .map((candidate) => ({
      ...candidate,
      place:
        candidate.cost === undefined
          ? "its price is not known"
          : `${Number(candidate.cost.toFixed(4))} dollars per million tokens`,
    }));
}
