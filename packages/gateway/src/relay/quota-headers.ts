import type { Clock } from "../kernel/clock.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Limits } from "../limits/limits.ts";
import type { Scope } from "../limits/rules.ts";

/** What the usual headers speak of. */
const shown = ["requests", "tokens"] as const;

/**
 * What is left of a key's limits, of several of one unit the one with the least left, as names and values in turn: in
 * Anthropic's words on its surface, in OpenAI's, which all others know, elsewhere.
 */
export function quotaHeaders(key: Scope, limits: Limits, protocol: Protocol, clock: Clock): readonly string[] {
  const headers: string[] = [];
  for (const unit of shown) {
    const states = key.rules
      .filter((rule) => rule.unit === unit)
      .map((rule) => {
        const { used, rest } = limits.store.state(key, rule);
        return { rule, rest, remaining: Math.max(0, Math.floor(rule.limit - used)) };
      });
    if (states.length === 0) continue;
    const { rule, rest, remaining } = states.reduce((a, b) => (b.remaining < a.remaining ? b : a));
    const left = String(remaining);
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
