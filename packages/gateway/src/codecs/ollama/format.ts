import type { Json } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { OutputFormat } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { plainObjectOf } from "./arguments.ts";

/** Reads `format`: "json", or a JSON schema itself. Ollama takes "" for none. */
export function readFormat(value: Json | undefined, complaints: Complaints): OutputFormat | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (value === "json") return { type: "json" };
  if (typeof value === "string") return complaints.wrongValue("format", value, ["json"]);
  const schema = plainObjectOf(value);
  return schema === undefined
    ? complaints.wrongType("format", "one of 'json' or a JSON schema", value)
    : { type: "json-schema", schema };
}

/** `format` of a request. A schema's name and strictness need no word: Ollama forces every schema on the answer. */
export function writeFormat(output: OutputFormat | undefined, losses: Loss[]): Json | undefined {
  if (output === undefined || output.type === "text") return undefined;
  if (output.type === "json") return "json";
  if (output.description !== undefined) losses.push({ field: "output.description", reason: "unsupported" });
  return output.schema ?? "json";
}
