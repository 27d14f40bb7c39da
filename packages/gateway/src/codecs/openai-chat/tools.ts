import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { keptChoice } from "../shared/extra.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { withProperties } from "../shared/object-properties.ts";
import { readTool, toolFields } from "../shared/openai-tools.ts";
import type { ReadTools } from "../shared/openai-tools.ts";
import { cacheMark } from "./cache-marks.ts";

/** Reads `tools`. */
export function readTools(value: Json | undefined, complaints: Complaints): ReadTools {
  const tools: Tool[] = [];
  const unknown: JsonObject[] = [];
  for (const { entry, path } of complaints.objects(value, "tools")) {
    const type = complaints.requiredString(entry["type"] ?? guessType(entry), `${path}.type`);
    if (type === undefined) continue;
    if (type !== "function" && type !== "custom") {
      unknown.push(entry);
      continue;
    }
    const flat = readFlat(entry, type, { path, complaints });
    if (flat !== undefined) {
      tools.push(flat);
      continue;
    }
    const inner = complaints.requiredObject(entry[type], `${path}.${type}`);
    const tool = inner && readTool(type, inner, { path: `${path}.${type}`, complaints });
    if (inner === undefined || tool === undefined) continue;
    const innerRest = unlessEmpty(without(inner, new Set(toolFields[type])));
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
  type: Tool["tool"],
  at: { readonly path: string; readonly complaints: Complaints },
): Tool | undefined {
  if (entry[type] !== undefined || entry["name"] === undefined) return undefined;
  const { input_schema, parameters = input_schema, ...rest } = entry;
  return readTool(type, parameters === undefined ? rest : { ...rest, parameters }, at);
}

/** Reads the legacy `functions`, which are tools without a wrapper. */
export function readFunctions(value: Json | undefined, complaints: Complaints): readonly Tool[] {
  return complaints.objects(value, "functions").flatMap(({ entry, path }) => {
    const tool = readTool("function", entry, { path, complaints });
    if (tool === undefined) return [];
    const inner = unlessEmpty(without(entry, new Set(toolFields.function)));
    return [{ ...tool, ...(inner && { extra: { "openai-chat": { function: inner } } }) }];
  });
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

/** The name of the one tool that `tool_choice` asks for, flat, as Responses has it, or within. */
export function chosenName(
  choice: JsonObject,
  type: Tool["tool"],
  { complaints, losses }: { readonly complaints: Complaints; readonly losses: Loss[] },
): string | undefined {
  if (choice[type] === undefined && typeof choice["name"] === "string") return choice["name"];
  const path = `tool_choice.${type}`;
  const inner = complaints.requiredObject(choice[type], path);
  const name = inner && complaints.requiredString(inner["name"], `${path}.name`);
  if (inner === undefined || name === undefined) return undefined;
  const lost = [
    ...Object.keys(without(choice, new Set(["type", type]))).map((field) => `tool_choice.${field}`),
    ...Object.keys(without(inner, new Set(["name"]))).map((field) => `${path}.${field}`),
  ];
  losses.push(...lost.map((field) => ({ field, reason: "unsupported" as const })));
  return name;
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
    case "opaque":
      return keptChoice(choice, "openai-chat", losses);
    default:
      return choice.type;
  }
}

/** The legacy `function_call` of a request. */
export function writeFunctionChoice(choice: ToolChoice): Json | undefined {
  if (choice.type === "tool") return { name: choice.name };
  return choice.type === "auto" || choice.type === "none" ? choice.type : undefined;
}
