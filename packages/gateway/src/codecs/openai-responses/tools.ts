import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Tool, ToolChoice } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { foreignLosses, keptChoice } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { withProperties } from "../shared/object-properties.ts";
import { readTool, toolFields } from "../shared/openai-tools.ts";
import type { ReadTools } from "../shared/openai-tools.ts";
import { rootObject } from "../shared/root-object.ts";
import { everyEntry, flatName, unflatten } from "./names.ts";
import type { SpacedName, ToolEntry } from "./names.ts";
import { protocol } from "./own.ts";

const inSpace = new Set(["tools", "type"]);

/**
 * Reads `tools`, and those of `additional_tools` items. One whose flat name is another's too is lost. A tool in a namespace is called
 * `<namespace>__<name>`, and keeps the namespace's fields in its extra.
 */
export function readTools(body: JsonObject, complaints: Complaints, losses: Loss[]): ReadTools {
  complaints.array(body["tools"], "tools");
  const plain = new Set(arrayOf(body["tools"]).flatMap((entry) => textOf(objectOf(entry)?.["name"]) ?? []));
  const tools: Tool[] = [];
  const unknown: JsonObject[] = [];
  const names = new Set<string>();
  for (const found of everyEntry(body)) {
    const entry = complaints.requiredObject(found.entry, found.path);
    const type = entry && complaints.requiredString(entry["type"], `${found.path}.type`);
    if (entry === undefined || type === undefined) continue;
    if (type !== "function" && type !== "custom") {
      // A hosted tool of an item goes with its item.
      if (!found.additional) unknown.push(entry);
      continue;
    }
    const tool = readEntry(entry, type, found, complaints);
    if (tool === undefined) continue;
    const nested = found.additional || found.space !== undefined;
    if (nested && (names.has(tool.name) || plain.has(tool.name))) {
      losses.push({ field: found.path, reason: "unsupported" });
      continue;
    }
    names.add(tool.name);
    tools.push(tool);
  }
  return { tools, unknown };
}

function readEntry(
  entry: JsonObject,
  type: Tool["tool"],
  { path, space, additional }: ToolEntry,
  complaints: Complaints,
): Tool | undefined {
  const tool = readTool(type, entry, { path, complaints });
  if (tool === undefined) return undefined;
  const rest = unlessEmpty({
    ...without(entry, new Set(["type", ...toolFields[type]])),
    ...(space && { namespace: without(space, inSpace), ...toldOf(space) }),
    ...(additional && { additional: true }),
  });
  const name = flatName({ ...compact({ namespace: textOf(space?.["name"]) }), name: tool.name });
  return { ...tool, name, ...(rest && { extra: { [protocol]: rest } }) };
}

/** What other protocols lose of a namespace: its name finds back by itself. */
function toldOf(space: JsonObject): JsonObject {
  const description = textOf(space["description"]);
  return description === undefined ? {} : { [spaceDescription]: description };
}

const spaceDescription = "namespace.description";
const marks = new Set(["namespace", "additional", spaceDescription]);
const noParameters: JsonObject = { type: "object", properties: {} };

/** Tools as this protocol lists them, with their namespaces; `own` tools say all that they mean to say. */
export function writeTools(tools: readonly Tool[], own: boolean, losses: Loss[]): readonly JsonObject[] {
  const out: JsonObject[] = [];
  const spaces = new Map<string, JsonObject[]>();
  for (const [index, tool] of tools.entries()) {
    losses.push(...foreignLosses(tool.extra, protocol, `tools[${index}].`));
    const extra = objectOf(tool.extra?.[protocol]) ?? {};
    if (extra["additional"] === true) continue;
    const spaced = spacedName(tool);
    const written = writeTool({ ...tool, name: spaced.name }, own, (schema) =>
      rootObject(schema, `tools[${index}].parameters`, losses),
    );
    if (spaced.namespace === undefined) {
      out.push(written);
      continue;
    }
    let inner = spaces.get(spaced.namespace);
    if (inner === undefined) {
      spaces.set(spaced.namespace, (inner = []));
      out.push({ ...objectOf(extra["namespace"]), type: "namespace", tools: inner });
    }
    inner.push(written);
  }
  return out;
}

/** A tool's name without its namespace, if it still bears both. */
function spacedName(tool: Tool): SpacedName {
  const namespace = textOf(objectOf(tool.extra?.[protocol]?.["namespace"])?.["name"]);
  return unflatten(tool.name, namespace) ?? { name: tool.name };
}

/** Flat names of a request's tools back to the names within their namespaces. */
export function writtenNames(tools: readonly Tool[]): ReadonlyMap<string, SpacedName> {
  return new Map(
    tools.flatMap((tool) => {
      const spaced = spacedName(tool);
      return spaced.namespace === undefined ? [] : [[tool.name, spaced] as const];
    }),
  );
}

function writeTool(tool: Tool, own: boolean, rooted: (schema: JsonObject) => JsonObject): JsonObject {
  const rest = without(objectOf(tool.extra?.[protocol]) ?? {}, marks);
  const { name, description, format } = tool;
  if (tool.tool === "custom") return { ...rest, type: "custom", name, ...compact({ description, format }) };
  // OpenAI takes an absent `strict` for true here, and for false in chat and everywhere else.
  const strict = tool.strict ?? (own ? undefined : false);
  const given = own ? tool.parameters : tool.parameters && withProperties(rooted(tool.parameters));
  const parameters = given ?? (own ? undefined : noParameters);
  return { ...rest, type: "function", name, ...compact({ description, parameters, strict }) };
}

/** The name of the one tool that `tool_choice` asks for, flat, or in chat's form, which some clients send here. */
export function chosenName(choice: JsonObject, type: Tool["tool"], complaints: Complaints): string | undefined {
  const name =
    textOf(objectOf(choice[type])?.["name"]) ?? complaints.requiredString(choice["name"], "tool_choice.name");
  return name && flatName({ ...compact({ namespace: textOf(choice["namespace"]) }), name });
}

/** `tool_choice`; undefined, with a loss, for another protocol's own form. */
export function writeToolChoice(
  choice: ToolChoice,
  names: ReadonlyMap<string, SpacedName>,
  losses: Loss[],
): Json | undefined {
  switch (choice.type) {
    case "tool":
      return { type: choice.tool, ...(names.get(choice.name) ?? { name: choice.name }) };
    case "opaque":
      return keptChoice(choice, protocol, losses);
    default:
      return choice.type;
  }
}
