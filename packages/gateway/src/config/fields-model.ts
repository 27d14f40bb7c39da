import { isJsonObject } from "../kernel/json.ts";
import type { Json, JsonObject } from "../kernel/json.ts";
import { meant, readText } from "./fields.ts";
import { leaf } from "./leaf.ts";
import { laterEndpointTypes } from "./unavailable.ts";

/** An endpoint's name, which comes before the slash in `endpoint/model`. */
export const endpointName = (what: string) =>
  leaf(
    { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]*$", maxLength: 64, description: what },
    (value, report) => {
      const name = readText(value, report, 64);
      if (name === undefined) return undefined;
      if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name)) return name;
      return report("must begin with a letter or digit and hold only letters, digits, `_`, `.` and `-`");
    },
  );

/** A type of endpoint that this version has. */
export const endpointType = (types: readonly string[], what: string) =>
  leaf({ enum: types, description: what }, (value, report) => {
    const type = readText(value, report, 64);
    if (type === undefined) return undefined;
    if (types.includes(type)) return type;
    if ((laterEndpointTypes as readonly string[]).includes(type)) {
      return report("the endpoint type {value} is not available in this version");
    }
    return report(`unknown endpoint type {value}${meant(type, types)}`);
  });

/** A model name, which may hold one `*`. */
export const modelPattern = (what: string) =>
  leaf({ type: "string", minLength: 1, maxLength: 256, description: what }, (value, report) => {
    const name = readText(value, report, 256);
    if (name === undefined) return undefined;
    return name.split("*").length > 2 ? report("may hold at most one `*`") : name;
  });

/** Any JSON object, such as request fields; `refused` are keys that it may not hold. */
export const freeObject = (what: string, refused: readonly string[] = []) =>
  leaf({ type: "object", default: {}, description: what }, (value, report): JsonObject | undefined => {
    if (value === null) return {};
    if (!isJsonObject(value)) return report("must be a mapping");
    for (const name of refused)
      if (Object.hasOwn(value, name)) report("cannot have a default; the client decides it", [name]);
    return copyOf(value) as JsonObject;
  });

/** The reader's null-prototype objects as plain ones, which is what others expect of JSON. */
function copyOf(value: Json): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

/** Whether the model can call tools: a fact. Settings of the tool features come with a later version. */
export const toolsFact = (what: string) =>
  leaf({ type: "boolean", description: what }, (value, report) => {
    if (typeof value === "boolean") return value;
    if (isJsonObject(value)) return report("settings for tools are not available in this version");
    return report("must be true or false");
  });
