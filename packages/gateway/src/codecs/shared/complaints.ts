import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { Result } from "../../kernel/result.ts";
import { isExact } from "./exact.ts";

interface Range {
  readonly least?: number;
  readonly most?: number;
}

/**
 * Reads fields of a request and remembers the first complaint, in OpenAI's words. Every reader answers undefined
 * for a field that is absent, null or wrong, so that reading goes on and the complaint is looked at once, at the end.
 */
export class Complaints {
  #first: Failure | undefined;

  /** What was read, unless there was something to complain of. */
  result<Value>(value: Value): Result<Value> {
    return this.#first === undefined ? { ok: true, value } : { ok: false, failure: this.#first };
  }

  add(message: string, param: string): undefined {
    this.#first ??= failure("bad-request", message, { param });
    return undefined;
  }

  /** For what only a backend of the same protocol understands. */
  untranslatable(path: string): undefined {
    return this.add(`Unsupported parameter: '${path}' cannot be translated for this model's backend.`, path);
  }

  missing(path: string): undefined {
    return this.add(`Missing required parameter: '${path}'.`, path);
  }

  wrongType(path: string, expected: string, value: Json): undefined {
    return this.add(`Invalid type for '${path}': expected ${expected}, but got ${nameOf(value)} instead.`, path);
  }

  wrongValue(path: string, value: string, supported: readonly string[]): undefined {
    const shown = value.length > 64 ? `${value.slice(0, 64)}…` : value;
    const quoted = supported.map((word) => `'${word}'`);
    const list = quoted.length > 1 ? `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}` : quoted.join("");
    return this.add(`Invalid value: '${shown.toWellFormed()}'. Supported values are: ${list}.`, path);
  }

  string(value: Json | undefined, path: string): string | undefined {
    if (value === undefined || value === null || typeof value === "string") return value ?? undefined;
    return this.wrongType(path, "a string", value);
  }

  /** Like `string`, and complains of absence. */
  requiredString(value: Json | undefined, path: string): string | undefined {
    return value === undefined || value === null ? this.missing(path) : this.string(value, path);
  }

  boolean(value: Json | undefined, path: string): boolean | undefined {
    if (value === undefined || value === null || typeof value === "boolean") return value ?? undefined;
    return this.wrongType(path, "a boolean", value);
  }

  number(value: Json | undefined, path: string): number | undefined {
    if (value === undefined || value === null) return undefined;
    const number = doubleOf(value);
    return typeof number === "number" && Number.isFinite(number) ? number : this.wrongType(path, "a decimal", value);
  }

  /** Like `integer` without a range, but what a double cannot hold is written as it came. Nothing calculates with it. */
  digits(value: Json | undefined, path: string): number | undefined {
    return isExact(value) ? (value as unknown as number) : this.integer(value, path);
  }

  integer(given: Json | undefined, path: string, range: Range = {}): number | undefined {
    if (given === undefined || given === null) return undefined;
    const value = doubleOf(given);
    if (typeof value !== "number" || !Number.isInteger(value)) return this.wrongType(path, "an integer", given);
    if (range.least !== undefined && value < range.least) {
      return this.add(
        `Invalid '${path}': integer below minimum value. Expected a value >= ${range.least}, but got ${value} instead.`,
        path,
      );
    }
    if (range.most !== undefined && value > range.most) {
      return this.add(
        `Invalid '${path}': integer above maximum value. Expected a value <= ${range.most}, but got ${value} instead.`,
        path,
      );
    }
    return value;
  }

  object(value: Json | undefined, path: string): JsonObject | undefined {
    if (value === undefined || value === null) return undefined;
    return isJsonObject(value) && !isExact(value) ? value : this.wrongType(path, "an object", value);
  }

  requiredObject(value: Json | undefined, path: string): JsonObject | undefined {
    return value === undefined || value === null ? this.missing(path) : this.object(value, path);
  }

  array(value: Json | undefined, path: string): readonly Json[] | undefined {
    if (value === undefined || value === null) return undefined;
    return Array.isArray(value) ? (value as readonly Json[]) : this.wrongType(path, "an array", value);
  }

  /** The objects of a list, each with its path; what is no object is complained of and left out. */
  objects(value: Json | undefined, path: string): readonly { readonly entry: JsonObject; readonly path: string }[] {
    return (this.array(value, path) ?? []).flatMap((item, place) => {
      const here = `${path}[${place}]`;
      const entry = this.requiredObject(item, here);
      return entry === undefined ? [] : [{ entry, path: here }];
    });
  }

  /** A string or a list of strings, as a list. */
  strings(value: Json | undefined, path: string): readonly string[] | undefined {
    if (typeof value === "string") return [value];
    const list = this.array(value, path);
    if (list === undefined) return undefined;
    if (list.every((item) => typeof item === "string")) return list;
    const wrong = list.findIndex((item) => typeof item !== "string");
    return this.wrongType(`${path}[${wrong}]`, "a string", list[wrong] ?? null);
  }
}

/** Of a number with more digits than a double holds, what a double holds of it: texts cannot be calculated with. */
function doubleOf(value: Json): Json {
  return isExact(value) ? Number(JSON.stringify(value)) : value;
}

function nameOf(given: Json): string {
  const value = doubleOf(given);
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  switch (typeof value) {
    case "string":
      return "a string";
    case "boolean":
      return "a boolean";
    case "number":
      return Number.isInteger(value) ? "an integer" : "a decimal";
    default:
      return "an object";
  }
}
