import { percentiles } from "../routing/types.ts";
import type { Percentile } from "../routing/types.ts";
import { leaf } from "./leaf.ts";
import { parseDuration } from "./units.ts";

/** A day: nobody waits longer for a first token. */
const longest = 86_400_000;

const words = Object.keys(percentiles) as readonly Percentile[];

/** A duration, or a percentile of what a target usually takes. */
export const hedgeAfter = (what: string) =>
  leaf(
    {
      anyOf: [
        { enum: words },
        { type: "integer", minimum: 1, maximum: longest },
        { type: "string", pattern: "^\\s*\\d+(\\.\\d+)?\\s?(ms|s|m|h|d)?\\s*$|\\$\\{" },
      ],
      description: `${what} Else a duration such as 800ms or 2s; a number is milliseconds.`,
    },
    (value, report): number | Percentile | undefined => {
      const word = words.find((each) => each === value);
      if (word !== undefined) return word;
      const parsed = parseDuration(value);
      if (parsed !== undefined && parsed >= 1 && parsed <= longest) return parsed;
      return report(`must be a duration such as 800ms or 2s, or one of ${words.join(", ")}`);
    },
  );
