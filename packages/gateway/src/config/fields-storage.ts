import { readText } from "./fields.ts";
import { leaf } from "./leaf.ts";

/** `sqlite`, `:memory:` or a file name. */
export const store = (what: string) =>
  leaf({ type: "string", description: what, examples: ["sqlite", ":memory:", "./patchbay.db"] }, (value, report) => {
    const place = readText(value, report, 4096);
    if (place === undefined) return undefined;
    if (/^postgres(ql)?:/i.test(place)) {
      return report("a Postgres store is not available in this version; use sqlite, :memory: or a file name");
    }
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return report("must be sqlite, :memory: or a file name");
    return place;
  });

/** Where shared counters live. */
export const state = (what: string) =>
  leaf({ enum: ["memory"], description: what }, (value, report) => {
    if (value === "memory") return "memory";
    if (typeof value === "string" && /^rediss?:/i.test(value)) {
      return report("a Redis state is not available in this version; use memory");
    }
    return report("must be memory");
  });

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** A log level in any case; `warning` and `critical` are other languages' words for two of them. */
export const logLevel = (what: string) =>
  leaf({ type: "string", examples: logLevels, description: what }, (value, report) => {
    const word = typeof value === "string" ? value.trim().toLowerCase() : "";
    const level = word === "warning" ? "warn" : word === "critical" ? "fatal" : word;
    return logLevels.find((name) => name === level) ?? report(`must be one of ${logLevels.join(", ")}`);
  });
