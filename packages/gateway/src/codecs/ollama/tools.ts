import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { freeTextParameters } from "../shared/object-arguments.ts";
import type { ReadTools } from "../shared/openai-tools.ts";

const functionFields = new Set(["name", "description", "parameters"]);

/** Reads `tools`. */
export function readTools(value: Json | undefined, complaints: Complaints): ReadTools {
  const tools: Tool[] = [];
  const unknown: JsonObject[] = [];
  for (const { entry, path } of complaints.objects(value, "tools")) {
    if ((entry["type"] ?? "function") !== "function") unknown.push(entry);
    else tools.push(...readFunction(entry, path, complaints));
  }
  return { tools, unknown };
}

function readFunction(entry: JsonObject, path: string, complaints: Complaints): readonly Tool[] {
  const inner = complaints.requiredObject(entry["function"], `${path}.function`);
  const name = inner && complaints.requiredString(inner["name"], `${path}.function.name`);
  if (inner === undefined || name === undefined) return [];
  const innerRest = unlessEmpty(without(inner, functionFields));
  const rest = unlessEmpty({
    ...without(entry, new Set(["type", "function"])),
    ...(innerRest && { function: innerRest }),
  });
  const fields = compact({
    description: complaints.string(inner["description"], `${path}.function.description`),
    parameters: complaints.object(inner["parameters"], `${path}.function.parameters`),
  });
  return [{ tool: "function", name, ...fields, ...(rest && { extra: { ollama: rest } }) }];
}

/**
 * Reads `tool_choice` in OpenAI's form. Ollama has no such field, but its clients send it; what they mean by other
 * forms nobody knows, so those stay as they are.
 */
export function readToolChoice(value: Json | undefined): { readonly choice?: ToolChoice; readonly own?: Json } {
  if (value === undefined || value === null) return {};
  if (value === "auto" || value === "none" || value === "required") return { choice: { type: value } };
  const name = textOf(objectOf(objectOf(value)?.["function"])?.["name"]);
  return name === undefined ? { own: value } : { choice: { type: "tool", tool: "function", name } };
}

/**
 * `tools` of a request. Ollama knows no choice: none is no tools, one that must be called is the only one offered, and
 * that a call must come is left to the model.
 */
export function writeTools(request: GenerationRequest, losses: Loss[]): JsonObject {
  const { toolChoice, tools } = request;
  for (const [index, tool] of tools.entries())
    losses.push(...foreignLosses(tool.extra, "ollama", `tools[${index}].`), ...unsaid(tool, `tools[${index}]`));
  const given = [...tools.map(writeTool), ...arrayOf(request.extra?.ollama?.["tools"])];
  if (toolChoice?.type === "none" || given.length === 0) return {};
  if (toolChoice !== undefined && toolChoice.type !== "auto") {
    losses.push({ field: "toolChoice", reason: toolChoice.type === "opaque" ? "unsupported" : "approximated" });
  }
  const chosen = toolChoice?.type === "tool" ? tools.filter(({ name }) => name === toolChoice.name) : [];
  return { tools: chosen.length > 0 ? chosen.map(writeTool) : given };
}

function unsaid(tool: Tool, path: string): readonly Loss[] {
  return [
    ...(tool.strict === true ? [{ field: `${path}.strict`, reason: "unsupported" as const }] : []),
    ...(tool.tool === "custom" ? [{ field: path, reason: "approximated" as const }] : []),
  ];
}

/** Ollama's templates count on a schema. */
const noArguments: JsonObject = { type: "object", properties: {} };

function writeTool(tool: Tool): JsonObject {
  const rest = tool.extra?.ollama ?? {};
  const { name, description } = tool;
  const parameters = tool.parameters ?? (tool.tool === "custom" ? freeTextParameters : noArguments);
  return {
    ...rest,
    type: "function",
    function: { ...objectOf(rest["function"]), name, ...compact({ description }), parameters },
  };
}
