import type { Clock } from "../kernel/clock.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Limits } from "../limits/limits.ts";
import type { Scope } from "../limits/rules.ts";

/** Which of a key's limits the usual headers speak of: of the shortest time. */
const shown = [
  ["requests", ["requestsPerMinute"]],
  ["tokens", ["tokensPerMinute", "tokensPerDay"]],
] as const;

/**
 * What is left of a key's limits, as names and values in turn: in Anthropic's words on its surface, in OpenAI's, which
 * all others know, elsewhere.
 */
export function quotaHeaders(key: Scope, limits: Limits, protocol: Protocol, clock: Clock): readonly string[] {
  const headers: string[] = [];
  for (const [unit, names] of shown) {
    const rule = names.map((name) => key.rules.find((each) => each.name === name)).find((each) => each !== undefined);
    if (rule === undefined) continue;
    const { used, rest } = limits.store.state(key, rule);
    const left = String(Math.max(0, Math.floor(rule.limit - used)));
    const limit = String(rule.limit);
    if (protocol === "anthropic-messages") {
      const reset = `${new Date(Math.ceil((clock.now() + rest) / 1000) * 1000).toISOString().slice(0, 19)}Z`;
      const name = `anthropic-ratelimit-${unit}`;
      headers.push(`${name}-limit`, limit, `${name}-remaining`, left, `${name}-reset`, reset);
    } else {
      headers.push(`x-ratelimit-limit-${unit}`, limit, `x-ratelimit-remaining-${unit}`, left);
      headers.push(`x-ratelimit-reset-${unit}`, durationText(rest));
    }
  }
  return headers;
}

/** As OpenAI writes it: `1s`, `6m0s`, `23h59m59s`. @param milliseconds At least 0. */
export function durationText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
