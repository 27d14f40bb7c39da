import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { withProperties } from "../shared/object-properties.ts";
import { cacheMark } from "./cache-marks.ts";

const functionFields = new Set(["name", "description", "parameters", "strict"]);
const customFields = new Set(["name", "description", "format"]);

export interface ReadTools {
  readonly tools: readonly Tool[];
  /** Tools of kinds that we have no word for, such as a vendor's built-in ones. */
  readonly unknown: readonly JsonObject[];
}

/** Reads `tools`. */
export function readTools(value: Json | undefined, complaints: Complaints): ReadTools {
  const tools: Tool[] = [];
  const unknown: JsonObject[] = [];
  for (const [index, item] of (complaints.array(value, "tools") ?? []).entries()) {
    const path = `tools[${index}]`;
    const entry = complaints.requiredObject(item, path);
    const type = entry && complaints.requiredString(entry["type"] ?? guessType(entry), `${path}.type`);
    if (entry === undefined || type === undefined) continue;
    if (type !== "function" && type !== "custom") {
      unknown.push(entry);
      continue;
    }
    const flat = readFlat(entry, type, path, complaints);
    if (flat !== undefined) {
      tools.push(flat);
      continue;
    }
    const inner = complaints.requiredObject(entry[type], `${path}.${type}`);
    const tool = inner && (type === "function" ? readFunction : readCustom)(inner, `${path}.${type}`, complaints);
    if (inner === undefined || tool === undefined) continue;
    const innerRest = unlessEmpty(without(inner, type === "function" ? functionFields : customFields));
    const rest = unlessEmpty({
      ...without(entry, new Set(["type", type])),
      ...(innerRest && { [type]: innerRest }),
    });
    const mark = cacheMark(entry) ?? cacheMark(inner);
    tools.push({ ...tool, ...(rest && { extra: { "openai-chat": rest, ...mark } }) });
  }
  return { tools, unknown };
}

/** Anthropic's tools bear no type. */
function guessType(entry: JsonObject): "function" | undefined {
  return objectOf(entry["input_schema"]) === undefined ? undefined : "function";
}

/** A tool without the inner object, as Responses has them, or Anthropic; undefined for any other. Cursor sends both. */
function readFlat(
  entry: JsonObject,
  type: "function" | "custom",
  path: string,
  complaints: Complaints,
): Tool | undefined {
  if (entry[type] !== undefined || entry["name"] === undefined) return undefined;
  const { input_schema, parameters, ...rest } = entry;
  const schema = parameters ?? input_schema;
  return type === "custom"
    ? readCustom(entry, path, complaints)
    : readFunction(schema === undefined ? rest : { ...rest, parameters: schema }, path, complaints);
}

/** Reads the legacy `functions`, which are tools without a wrapper. */
export function readFunctions(value: Json | undefined, complaints: Complaints): readonly Tool[] {
  return (complaints.array(value, "functions") ?? []).flatMap((item, index) => {
    const path = `functions[${index}]`;
    const entry = complaints.requiredObject(item, path);
    const tool = entry && readFunction(entry, path, complaints);
    if (entry === undefined || tool === undefined) return [];
    const inner = unlessEmpty(without(entry, functionFields));
    return [{ ...tool, ...(inner && { extra: { "openai-chat": { function: inner } } }) }];
  });
}

function readFunction(inner: JsonObject, path: string, complaints: Complaints): Tool | undefined {
  const name = complaints.requiredString(inner["name"], `${path}.name`);
  const description = complaints.string(inner["description"], `${path}.description`);
  const parameters = complaints.object(inner["parameters"], `${path}.parameters`);
  const strict = complaints.boolean(inner["strict"], `${path}.strict`);
  return name === undefined ? undefined : { tool: "function", name, ...compact({ description, parameters, strict }) };
}

function readCustom(inner: JsonObject, path: string, complaints: Complaints): Tool | undefined {
  const name = complaints.requiredString(inner["name"], `${path}.name`);
  const description = complaints.string(inner["description"], `${path}.description`);
  const format = complaints.object(inner["format"], `${path}.format`);
  return name === undefined ? undefined : { tool: "custom", name, ...compact({ description, format }) };
}

/** One entry of `tools`. */
export function writeTool(tool: Tool): JsonObject {
  const rest = tool.extra?.["openai-chat"] ?? {};
  const { parameters } = tool;
  const whole = parameters === undefined ? tool : { ...tool, parameters: withProperties(parameters) };
  const inner = tool.tool === "custom" ? customOf(tool) : functionOf(whole);
  return { ...rest, type: tool.tool, [tool.tool]: inner };
}

/** One entry of the legacy `functions`. */
export function functionOf(tool: Tool): JsonObject {
  const { name, description, parameters, strict } = tool;
  const rest = objectOf(tool.extra?.["openai-chat"]?.["function"]);
  return { ...rest, name, ...compact({ description, parameters, strict }) };
}

function customOf(tool: Tool): JsonObject {
  const { name, description, format } = tool;
  const rest = objectOf(tool.extra?.["openai-chat"]?.["custom"]);
  return { ...rest, name, ...compact({ description, format }) };
}

const choiceWords = ["none", "auto", "required"] as const;

/** Reads `tool_choice`. Forms that name several tools are carried whole. */
export function readToolChoice(
  value: Json | undefined,
  complaints: Complaints,
  losses: Loss[],
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
    return { type: "opaque", keep: { "openai-chat": { tool_choice: choice } } };
  // Flat, as Responses has it.
  if (choice[type] === undefined && typeof choice["name"] === "string") {
    return { type: "tool", tool: type, name: choice["name"] };
  }
  const path = `tool_choice.${type}`;
  const inner = complaints.requiredObject(choice[type], path);
  const name = inner && complaints.requiredString(inner["name"], `${path}.name`);
  if (inner === undefined || name === undefined) return undefined;
  for (const field of Object.keys(without(choice, new Set(["type", type])))) {
    losses.push({ field: `tool_choice.${field}`, reason: "unsupported" });
  }
  for (const field of Object.keys(without(inner, new Set(["name"])))) {
    losses.push({ field: `${path}.${field}`, reason: "unsupported" });
  }
  return { type: "tool", tool: type, name };
}

/** Reads the legacy `function_call` of a request. */
export function readFunctionChoice(value: Json | undefined, complaints: Complaints): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined;
  if (value === "auto" || value === "none") return { type: value };
  if (typeof value === "string") return complaints.wrongValue("function_call", value, ["none", "auto"]);
  const choice = complaints.object(value, "function_call");
  const name = choice && complaints.requiredString(choice["name"], "function_call.name");
  return name === undefined ? undefined : { type: "tool", tool: "function", name };
}

/** `tool_choice`; undefined, with a loss, for another protocol's own form. */
export function writeToolChoice(choice: ToolChoice, losses: Loss[]): Json | undefined {
  switch (choice.type) {
    case "tool":
      return { type: choice.tool, [choice.tool]: { name: choice.name } };
    case "opaque": {
      const own = choice.keep["openai-chat"]?.["tool_choice"];
      if (own === undefined) losses.push({ field: "toolChoice", reason: "unsupported" });
      return own;
    }
    default:
      return choice.type;
  }
}

/** The legacy `function_call` of a request. */
export function writeFunctionChoice(choice: ToolChoice): Json | undefined {
  if (choice.type === "tool") return { name: choice.name };
  return choice.type === "auto" || choice.type === "none" ? choice.type : undefined;
}
