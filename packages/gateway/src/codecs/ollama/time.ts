/** The latest second that a date can tell. */
const latest = 8_640_000_000_000;

/** A time in seconds since 1970 as Ollama writes it: RFC 3339, in UTC. */
export function timeOf(seconds: number): string {
  return new Date(Math.min(seconds, latest) * 1000).toISOString();
}

/** Whole seconds since 1970; undefined for what is no time after it. */
export function secondsOf(time: unknown): number | undefined {
  const seconds = typeof time === "string" ? Math.floor(Date.parse(time) / 1000) : NaN;
  return seconds >= 0 ? seconds : undefined;
}
