import { Secret } from "../kernel/secret.ts";
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

const stateForm =
  "must be memory, or a Redis URL such as redis://user:${REDIS_PASSWORD}@host:6379/0 (rediss:// for TLS)";

/** Where shared counters live: `memory`, or the URL of a Redis, which is a secret since it may hold a password. */
export const state = (what: string) =>
  leaf({ type: "string", description: what, examples: ["memory", "${REDIS_URL}"] }, (value, report) => {
    if (value === "memory") return value;
    if (typeof value !== "string") return report(stateForm);
    // Nothing of the value is repeated: what is amiss may be the password.
    if (!/^rediss?:\/\/[^/\\]/i.test(value) || /[\s\\\p{Cc}]/u.test(value) || value.length > 2048)
      return report(stateForm);
    if (!URL.canParse(value)) {
      return report(`${stateForm}; in a password, write @ / : ? # % and [ ] as %40 %2F %3A %3F %23 %25 %5B %5D`);
    }
    const { hostname, pathname, search, hash, username, password } = new URL(value);
    if (search !== "" || hash !== "" || !/^(\/\d{0,4})?$/.test(pathname) || hostname === "") {
      return report(`${stateForm}; behind the port may stand only the number of a database`);
    }
    if (!isEncoded(username) || !isEncoded(password)) return report("has a user or password with a % that is not %25");
    return new Secret(value);
  });

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** A log level in any case; `warning` and `critical` are other languages' words for two of them. */
export const logLevel = (what: string) =>
  leaf({ type: "string", examples: logLevels, description: what }, (value, report) => {
    const word = typeof value === "string" ? value.trim().toLowerCase() : "";
    const level = word === "warning" ? "warn" : word === "critical" ? "fatal" : word;
    return logLevels.find((name) => name === level) ?? report(`must be one of ${logLevels.join(", ")}`);
  });
