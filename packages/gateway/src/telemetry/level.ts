/** Levels in rising order of silence. */
export const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export type Level = (typeof levels)[number];

const synonyms: ReadonlyMap<string, Level> = new Map([
  ["warning", "warn"],
  ["critical", "fatal"],
  ["verbose", "debug"],
  ["none", "silent"],
  ["off", "silent"],
]);

/** Reads a level in any case, such as `INFO` or `warning`. Undefined when it is none. */
export function parseLevel(text: string): Level | undefined {
  const name = text.trim().toLowerCase();
  return levels.find((level) => level === name) ?? synonyms.get(name);
}
