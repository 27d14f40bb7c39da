import { readFileSync } from "node:fs";
import { isJsonObject } from "../kernel/json.ts";

/** This program's version, from its package. */
export const version = readVersion();

function readVersion(): string {
  // Two folders up in the sources and in what is built from them.
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  return isJsonObject(parsed) && typeof parsed["version"] === "string" ? parsed["version"] : "unknown";
}
