import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";

/** A tool's own name, and the namespace that it stands in. */
export interface SpacedName {
  readonly namespace?: string;
  readonly name: string;
}

/** An entry of `tools`, or of a namespace in it. */
export interface ToolEntry {
  readonly entry: Json;
  /** Where it stands, such as `tools[2].tools[0]`. */
  readonly path: string;
  /** The namespace that it stands in. */
  readonly space?: JsonObject;
  /** It was made available by an item of the input, `additional_tools`. */
  readonly additional: boolean;
}

/** The name by which protocols without namespaces know a tool. */
export function flatName({ namespace, name }: SpacedName): string {
  return namespace === undefined ? name : prefixOf(namespace) + name;
}

/** Codex's namespaces of MCP servers, such as `mcp__files__`, end in the mark already. */
function prefixOf(namespace: string): string {
  return namespace.endsWith("__") ? namespace : `${namespace}__`;
}

/** A flat name cut into its namespace and its own name; undefined if it is not one of that namespace's. */
export function unflatten(flat: string, namespace: string | undefined): SpacedName | undefined {
  if (namespace === undefined || !flat.startsWith(prefixOf(namespace))) return undefined;
  return { namespace, name: flat.slice(prefixOf(namespace).length) };
}

/** Every tool of a list, those of namespaces one by one. Namespaces do not nest. */
function* entriesOf(list: readonly Json[], path: string, additional: boolean): Generator<ToolEntry> {
  for (const [index, entry] of list.entries()) {
    const space = objectOf(entry);
    const here = `${path}[${index}]`;
    if (space?.["type"] !== "namespace" || textOf(space["name"]) === undefined) {
      yield { entry, path: here, additional };
      continue;
    }
    for (const [place, inner] of arrayOf(space["tools"]).entries()) {
      yield { entry: inner, path: `${here}.tools[${place}]`, space, additional };
    }
  }
}

/** The `additional_tools` items of an input, with their places. */
function additionalTools(input: Json | undefined): readonly (readonly [readonly Json[], string])[] {
  return arrayOf(input).flatMap((item, index) => {
    const found = objectOf(item);
    if (found?.["type"] !== "additional_tools") return [];
    return [[arrayOf(found["tools"]), `input[${index}].tools`] as const];
  });
}

/** Every tool that a request's body names; those of `tools` first. */
export function* everyEntry(body: JsonObject): Generator<ToolEntry> {
  yield* entriesOf(arrayOf(body["tools"]), "tools", false);
  for (const [list, path] of additionalTools(body["input"])) yield* entriesOf(list, path, true);
}

/** What a client calls the tool that has a flat name. */
export type FindName = (flat: string) => SpacedName;

/** Finds a client's names again by the tools that its request's body names. */
export function nameFinder(body: JsonObject): FindName {
  const spaced = new Map<string, SpacedName>();
  const plain = new Set<string>();
  for (const { entry, space } of everyEntry(body)) {
    const name = textOf(objectOf(entry)?.["name"]);
    const namespace = textOf(space?.["name"]);
    if (name === undefined) continue;
    if (namespace === undefined) plain.add(name);
    else spaced.set(flatName({ namespace, name }), { namespace, name });
  }
  return (flat) => {
    if (plain.has(flat)) return { name: flat };
    return spaced.get(flat) ?? foundBySearch(flat, plain) ?? { name: flat };
  };
}

/** OpenAI's tool search puts a plain tool that it found into a namespace of its own making. */
function foundBySearch(flat: string, plain: ReadonlySet<string>): SpacedName | undefined {
  for (let at = flat.indexOf("__", 1); at > 0; at = flat.indexOf("__", at + 1)) {
    const spaced = { namespace: flat.slice(0, at), name: flat.slice(at + 2) };
    // A model may make up a name like `____f`, which would not be itself again when the client sends it back.
    if (plain.has(spaced.name) && flatName(spaced) === flat) return spaced;
  }
  return undefined;
}
