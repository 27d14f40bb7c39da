import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { keptChoice } from "../shared/extra.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { freeTextParameters } from "../shared/object-arguments.ts";
import { rootObject } from "../shared/root-object.ts";
import { ownExtra, protocol } from "./keep.ts";

const toolFields = new Set(["type", "name", "description", "input_schema", "strict"]);

export interface ReadTools {
  readonly tools: readonly Tool[];
  /** Tools that the vendor runs or defines itself, such as `web_search_20250305`. */
  readonly unknown: readonly JsonObject[];
  /** Where in the list those stood. */
  readonly places: readonly number[];
}

/** Reads `tools`. */
export function readTools(value: Json | undefined, complaints: Complaints): ReadTools {
  const tools: Tool[] = [];
  const unknown: JsonObject[] = [];
  const places: number[] = [];
  for (const [index, { entry, path }] of complaints.objects(value, "tools").entries()) {
    const type = complaints.string(entry["type"], `${path}.type`) ?? "custom";
    if (type !== "custom") {
      unknown.push(entry);
      places.push(index);
      continue;
    }
    const name = complaints.requiredString(entry["name"], `${path}.name`);
    const read = {
      description: complaints.string(entry["description"], `${path}.description`),
      parameters: complaints.requiredObject(entry["input_schema"], `${path}.input_schema`),
      strict: complaints.boolean(entry["strict"], `${path}.strict`),
      extra: ownExtra(without(entry, toolFields)),
    };
    if (name !== undefined) tools.push({ tool: "function", name, ...compact(read) });
  }
  return { tools, unknown, places };
}

/** One entry of `tools`. A tool of free text becomes one with a single string, `input`. */
export function writeTool(tool: Tool, path: string, losses: Loss[]): JsonObject {
  if (tool.tool === "custom") losses.push({ field: path, reason: "approximated" });
  const schema =
    tool.tool === "custom" ? freeTextParameters : rootObject(tool.parameters, `${path}.parameters`, losses);
  const { name, description, strict } = tool;
  // A tool without strictness is the norm; only strictness is said.
  return { ...tool.extra?.[protocol], name, ...compact({ description, input_schema: schema, strict }) };
}

const choiceFields = new Set(["type", "name", "disable_parallel_tool_use"]);

export interface ReadChoice {
  readonly toolChoice?: ToolChoice;
  /** Absent unless parallel calls are forbidden, which is what absence means here. */
  readonly parallelToolCalls?: false;
}

/** Reads `tool_choice`. A form that we have no word for is carried whole. */
export function readToolChoice(value: Json | undefined, complaints: Complaints): ReadChoice {
  const choice = complaints.object(value, "tool_choice");
  const type = choice && complaints.requiredString(choice["type"], "tool_choice.type");
  if (choice === undefined || type === undefined) return {};
  const single = complaints.boolean(choice["disable_parallel_tool_use"], "tool_choice.disable_parallel_tool_use");
  const parallel = single === true ? ({ parallelToolCalls: false } as const) : {};
  const whole = { toolChoice: { type: "opaque", keep: { [protocol]: { tool_choice: choice } } } } as const;
  if (unlessEmpty(without(choice, choiceFields)) !== undefined) return whole;
  switch (type) {
    case "auto":
    case "none":
      return { toolChoice: { type }, ...parallel };
    case "any":
      return { toolChoice: { type: "required" }, ...parallel };
    case "tool": {
      const name = complaints.requiredString(choice["name"], "tool_choice.name");
      return name === undefined ? {} : { toolChoice: { type: "tool", tool: "function", name }, ...parallel };
    }
    default:
      return whole;
  }
}

/** `tool_choice`; undefined where nothing needs saying, and, with a loss, for another protocol's own form. */
export function writeToolChoice(
  { toolChoice, parallelToolCalls }: { readonly toolChoice?: ToolChoice; readonly parallelToolCalls?: boolean },
  losses: Loss[],
): JsonObject | undefined {
  const single = parallelToolCalls === false && { disable_parallel_tool_use: true };
  if (toolChoice === undefined) return single ? { type: "auto", ...single } : undefined;
  switch (toolChoice.type) {
    case "none":
      return { type: "none" };
    case "auto":
      return { type: "auto", ...single };
    case "required":
      return { type: "any", ...single };
    case "tool":
      return { type: "tool", name: toolChoice.name, ...single };
    default:
      return objectOf(keptChoice(toolChoice, protocol, losses));
  }
}
