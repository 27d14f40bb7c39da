import type { Paint } from "../output.ts";
import { plain } from "../text.ts";
import type { Check } from "./check.ts";

const marks = {
  ok: ["✓", "good"],
  warning: ["!", "caution"],
  failed: ["✗", "bad"],
} as const satisfies { readonly [State in Check["state"]]: readonly [string, Paint] };

/** Lines for people: a mark each, and below every finding what to do about it. */
export function reportLines(
  checks: readonly Check[],
  paint: (paint: Paint, text: string) => string,
): readonly string[] {
  return checks.flatMap(({ name, state, message, fix }) => {
    const [mark, colour] = marks[state];
    const line = `${paint(colour, mark)} ${paint("strong", plain(name))}: ${plain(message)}`;
    return fix === undefined ? [line] : [line, `    ${paint("faint", "fix:")} ${plain(fix)}`];
  });
}
