import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Tool, ToolChoice } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, unlessEmpty } from "../shared/json.ts";
import { freeTextParameters } from "../shared/object-arguments.ts";
import { lowerParameters, SchemaBudget } from "./schema-lower.ts";

/** `tools` and `toolConfig`. Functions stand in one tool, Google's own behind it. */
export function writeTools(request: GenerationRequest, losses: Loss[]): JsonObject {
  const own = request.extra?.gemini ?? {};
  const budget = new SchemaBudget();
  const functions = request.tools.map((tool, index) => writeDeclaration(tool, `tools[${index}]`, { losses, budget }));
  const tools = [...(functions.length > 0 ? [{ functionDeclarations: functions }] : []), ...arrayOf(own["tools"])];
  if (request.parallelToolCalls === false && functions.length > 0) {
    losses.push({ field: "parallelToolCalls", reason: "unsupported" });
  }
  const toolConfig = writeToolConfig(request.toolChoice, objectOf(own["toolConfig"]) ?? {}, losses);
  return compact({ tools: tools.length === 0 ? undefined : tools, toolConfig }) as JsonObject;
}

/**
 * A function. Its schema goes as `parametersJsonSchema`, which every current client of Google's uses and which, unlike
 * `parameters`, takes objects without properties and choices of numbers; lowered all the same, since references and
 * rarer keywords are refused or ignored there too.
 */
function writeDeclaration(
  tool: Tool,
  path: string,
  { losses, budget }: { readonly losses: Loss[]; readonly budget: SchemaBudget },
): JsonObject {
  losses.push(...foreignLosses(tool.extra, "gemini", `${path}.`));
  if (tool.strict === true) losses.push({ field: `${path}.strict`, reason: "unsupported" });
  if (tool.format !== undefined) losses.push({ field: `${path}.format`, reason: "unsupported" });
  const parameters = tool.tool === "custom" ? freeTextParameters : tool.parameters;
  return {
    ...tool.extra?.gemini,
    name: tool.name,
    ...compact({
      description: tool.description,
      parametersJsonSchema: parameters && lowerParameters(parameters, budget),
    }),
  };
}

function writeToolConfig(choice: ToolChoice | undefined, own: JsonObject, losses: Loss[]): JsonObject | undefined {
  const kept = objectOf(own["functionCallingConfig"]) ?? {};
  const config = unlessEmpty({ ...writeChoice(choice, losses), ...kept });
  return unlessEmpty({ ...own, ...(config && { functionCallingConfig: config }) });
}

function writeChoice(choice: ToolChoice | undefined, losses: Loss[]): JsonObject {
  switch (choice?.type) {
    case "auto":
      return { mode: "AUTO" };
    case "none":
      return { mode: "NONE" };
    case "required":
      return { mode: "ANY" };
    case "tool":
      return { mode: "ANY", allowedFunctionNames: [choice.name] };
    case "opaque":
      losses.push({ field: "toolChoice", reason: "unsupported" });
      return {};
    default:
      return {};
  }
}
