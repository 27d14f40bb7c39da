import { tiers } from "./types.ts";
import type { Families, Tier } from "./types.ts";

/**
 * Which tier a model's name promises, by words in it; the first row that fits decides. It follows the table of
 * qoder-proxy ("Smart Model Name Mapping"): `gpt-4`, `gpt-4o`, `claude-3.5-sonnet` auto; `o1`, `claude-3-opus` ultimate;
 * `o1-mini`, `o3-mini`, `claude-3-sonnet` performance; `claude-3.5-haiku`, `gemini-flash` efficient; `gpt-3.5-turbo`,
 * `gpt-4o-mini`, `claude-3-haiku` lite; and for all other names, what their families have in common.
 */
export const familyTable: readonly { readonly words: string; readonly fits: RegExp; readonly tier: Tier }[] = [
  { words: "o1-mini, o3-mini, o4-mini", fits: /\bo\d+-mini\b/, tier: "performance" },
  { words: "claude-3-sonnet", fits: /\bclaude-3-sonnet\b/, tier: "performance" },
  { words: "claude-3-haiku", fits: /\bclaude-3-haiku\b/, tier: "lite" },
  { words: "mini, nano, lite, tiny, small", fits: /\b(?:mini|nano|lite|tiny|small)\b/, tier: "lite" },
  { words: "gpt-3.5", fits: /\bgpt-3\.5\b/, tier: "lite" },
  { words: "haiku, flash, fast", fits: /\b(?:haiku|flash|fast)\b/, tier: "efficient" },
  { words: "opus, ultra, max, o1, o3", fits: /\b(?:opus|ultra|max|o1|o3)\b/, tier: "ultimate" },
  { words: "sonnet", fits: /\bsonnet\b/, tier: "auto" },
  { words: "pro, large", fits: /\b(?:pro|large)\b/, tier: "performance" },
  { words: "gpt, claude, gemini", fits: /\b(?:gpt|claude|gemini)\b/, tier: "auto" },
];

/** Which tier a name promises; undefined where it says nothing. A tier's own word names it. */
export function tierOf(name: string): Tier | undefined {
  const folded = name.toLowerCase();
  return (
    tiers.find((tier) => tier === folded) ??
    // Names are written with underscores too, which count as letters in an expression.
    familyTable.find(({ fits }) => fits.test(folded.replaceAll("_", "-")))?.tier
  );
}

/** The models that may stand for a tier: its own, then those of the nearest tiers, of two the lesser first. */
export function modelsForTier(families: Families, tier: Tier): readonly string[] {
  const place = tiers.indexOf(tier);
  const found: string[] = [];
  for (let distance = 0; distance < tiers.length; distance++) {
    for (const at of new Set([place - distance, place + distance])) {
      const near = tiers[at];
      const model = near === undefined ? undefined : families[near];
      if (model !== undefined) found.push(model);
    }
  }
  return found;
}
