import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../src/kernel/json.ts";

/** A request as a real client sent it. */
export interface Recording {
  /** Its file's path below the directory. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly query: { readonly [name: string]: string };
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body?: JsonObject;
}

/** Every recorded request below a directory, in order. */
export function recordingsUnder(directory: string): readonly Recording[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .toSorted()
    .map((name) => ({ ...(JSON.parse(readFileSync(join(directory, name), "utf8")) as Omit<Recording, "name">), name }));
}

/** What the connection is about, not the request; and keys, which the recorder has blackened. */
const left = new Set(
  "host connection content-length accept-encoding transfer-encoding authorization x-api-key api-key".split(" "),
);

export function headersOf({ headers }: Recording): { readonly [name: string]: string } {
  const entries = headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !left.has(name) && !name.startsWith("sec-websocket") && name !== "upgrade")
    .map(([name, value]): [string, string] => [name, value.includes("<redacted") ? "nobody" : value]);
  return Object.fromEntries(entries);
}

/** The models that the requests name, in their bodies or paths. */
export function modelsOf(recordings: readonly Recording[]): readonly string[] {
  const names = recordings.flatMap(({ path, body }) => {
    const inPath = /\/models\/([^/:]+)/.exec(path)?.[1];
    const inBody = body?.["model"] ?? body?.["name"];
    return [inPath ?? [], typeof inBody === "string" ? inBody : []].flat();
  });
  return [...new Set(names)];
}
