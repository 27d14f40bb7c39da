import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "./complaints.ts";
import { objectOf } from "./json.ts";

/** What tools are made of in all of OpenAI's protocols: a function's fields, and a custom tool's. */
export const toolFields = {
  function: ["name", "description", "parameters", "strict"],
  custom: ["name", "description", "format"],
} as const;

export interface ReadTools {
  readonly tools: readonly Tool[];
  /** Tools of kinds that we have no word for, such as those that a vendor runs itself. */
  readonly unknown: readonly JsonObject[];
}

/** A tool of its fields, wherever they stand; undefined, with a complaint, for one without a name. */
export function readTool(
  tool: Tool["tool"],
  fields: JsonObject,
  { path, complaints }: { readonly path: string; readonly complaints: Complaints },
): Tool | undefined {
  const name = complaints.requiredString(fields["name"], `${path}.name`);
  const description = complaints.string(fields["description"], `${path}.description`);
  const object = (field: string) => complaints.object(fields[field], `${path}.${field}`);
  const own =
    tool === "custom"
      ? { format: object("format") }
      : { parameters: object("parameters"), strict: complaints.boolean(fields["strict"], `${path}.strict`) };
  return name === undefined ? undefined : { tool, name, ...compact({ description, ...own }) };
}

const choiceWords = ["none", "auto", "required"] as const;

/**
 * Reads `tool_choice`. What names several tools, or one that we have no word for, is opaque.
 * @param nameOf The name of the one tool that must be called; undefined, with a complaint, if there is none.
 */
export function readToolChoice(
  value: Json | undefined,
  { protocol, complaints }: { readonly protocol: Protocol; readonly complaints: Complaints },
  nameOf: (choice: JsonObject, type: Tool["tool"]) => string | undefined,
): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") {
    const type = choiceWords.find((word) => word === value);
    return type === undefined ? complaints.wrongValue("tool_choice", value, choiceWords) : { type };
  }
  const choice = objectOf(value);
  if (choice === undefined) return complaints.wrongType("tool_choice", "one of a string or object", value);
  const type = complaints.requiredString(choice["type"], "tool_choice.type");
  if (type === undefined) return undefined;
  if (type !== "function" && type !== "custom")
    return { type: "opaque", keep: { [protocol]: { tool_choice: choice } } };
  const name = nameOf(choice, type);
  return name === undefined ? undefined : { type: "tool", tool: type, name };
}
