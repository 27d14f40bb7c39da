import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { camel } from "./names.ts";
import { raiseSchema } from "./schema-read.ts";

export interface ReadTools {
  readonly tools: readonly Tool[];
  /** Google's own tools, such as `googleSearch`. */
  readonly hosted: readonly JsonObject[];
}

const declared = new Set(["name", "description", "parameters", "parametersJsonSchema"]);

/** Reads `tools`, each of which declares functions, names tools of Google's, or both. */
export function readTools(value: Json | undefined, complaints: Complaints): ReadTools {
  const tools: Tool[] = [];
  const hosted: JsonObject[] = [];
  const list = objectOf(value) === undefined ? complaints.array(value, "tools") : [value ?? null];
  for (const [index, item] of (list ?? []).entries()) {
    const given = complaints.requiredObject(item, `tools[${index}]`);
    if (given === undefined) continue;
    const { functionDeclarations, ...rest } = camel(given);
    const path = `tools[${index}].functionDeclarations`;
    for (const [place, each] of (complaints.array(functionDeclarations, path) ?? []).entries()) {
      const tool = readDeclaration(each, `${path}[${place}]`, complaints);
      if (tool !== undefined) tools.push(tool);
    }
    const own = unlessEmpty(rest);
    if (own !== undefined) hosted.push(own);
  }
  return { tools, hosted };
}

function readDeclaration(value: Json, path: string, complaints: Complaints): Tool | undefined {
  const given = complaints.requiredObject(value, path);
  if (given === undefined) return undefined;
  const declaration = camel(given);
  const name = complaints.requiredString(declaration["name"], `${path}.name`);
  const description = complaints.string(declaration["description"], `${path}.description`);
  const schema =
    complaints.object(declaration["parametersJsonSchema"], `${path}.parametersJsonSchema`) ??
    complaints.object(declaration["parameters"], `${path}.parameters`);
  const rest = unlessEmpty(without(declaration, declared));
  if (name === undefined) return undefined;
  return {
    tool: "function",
    name,
    ...compact({ description, parameters: schema && raiseSchema(schema) }),
    ...(rest && { extra: { gemini: rest } }),
  };
}

/** `toolConfig` as a choice, and what of it has no canonical word. */
export function readToolConfig(
  value: Json | undefined,
  complaints: Complaints,
): { readonly choice?: ToolChoice; readonly rest?: JsonObject } {
  const given = complaints.object(value, "toolConfig");
  if (given === undefined) return {};
  const { functionCallingConfig, ...others } = camel(given);
  const path = "toolConfig.functionCallingConfig";
  const config = camel(complaints.object(functionCallingConfig, path) ?? {});
  const mode = complaints.string(config["mode"], `${path}.mode`)?.toUpperCase();
  const allowed = complaints.strings(config["allowedFunctionNames"], `${path}.allowedFunctionNames`) ?? [];
  const inner = new Map<string, Json>(Object.entries(config));
  const choice = choiceOf(mode, allowed);
  if (choice !== undefined && mode !== "VALIDATED") inner.delete("mode");
  if (choice?.type === "tool" || allowed.length === 0) inner.delete("allowedFunctionNames");
  const kept = unlessEmpty(Object.fromEntries(inner));
  return compact({
    choice,
    rest: unlessEmpty({ ...others, ...(kept && { functionCallingConfig: kept }) }),
  });
}

function choiceOf(mode: string | undefined, allowed: readonly string[]): ToolChoice | undefined {
  const [only] = allowed;
  switch (mode) {
    case "AUTO":
    case "VALIDATED":
      return { type: "auto" };
    case "NONE":
      return { type: "none" };
    case "ANY":
      return only !== undefined && allowed.length === 1
        ? { type: "tool", tool: "function", name: only }
        : { type: "required" };
    default:
      return undefined;
  }
}
