import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";

/** A list, or the members of an object in the order of their arrival. */
type Node = Map<string, Node> | Node[] | { value: Json };

const step = /\.([^.[\]]+)|\[(\d{1,4})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y;
const mostSteps = 64;

/**
 * Puts arguments together that Vertex streams in pieces: each a JSON path and a value, where the pieces of a text are
 * joined. Lists may have holes on their way, never in the end.
 */
export class PartialArguments {
  readonly #root = new Map<string, Node>();

  /** Whole arguments that came beside, or instead of, pieces. */
  set(args: JsonObject): void {
    for (const [name, value] of Object.entries(args)) this.#root.set(name, { value });
  }

  add(pieces: readonly Json[]): void {
    for (const item of pieces) {
      const piece = objectOf(item);
      const path = piece && stepsOf(textOf(piece["jsonPath"]) ?? "");
      const value = piece && valueOf(piece);
      if (path !== undefined && path.length > 0 && value !== undefined) this.#put(path, value);
    }
  }

  get text(): string {
    return JSON.stringify(jsonOf(this.#root));
  }

  #put(path: readonly (string | number)[], value: Json): void {
    let at: Node = this.#root;
    for (const [index, name] of path.entries()) {
      const next = path[index + 1];
      const found = childOf(at, name);
      if (next === undefined) {
        const before = found !== undefined && "value" in found ? found.value : undefined;
        const joined = typeof before === "string" && typeof value === "string" ? before + value : value;
        return setChild(at, name, { value: joined });
      }
      const child: Node =
        found !== undefined && !("value" in found) ? found : typeof next === "number" ? [] : new Map();
      setChild(at, name, child);
      at = child;
    }
  }
}

function stepsOf(path: string): readonly (string | number)[] | undefined {
  if (!path.startsWith("$")) return undefined;
  const steps: (string | number)[] = [];
  for (step.lastIndex = 1; step.lastIndex < path.length;) {
    const [, dotted, index, single, double] = step.exec(path) ?? [];
    const name = dotted ?? (single ?? double)?.replace(/\\(.)/g, "$1");
    if (index === undefined && name === undefined) return undefined;
    steps.push(index === undefined ? (name ?? "") : Number(index));
    if (steps.length > mostSteps) return undefined;
  }
  return steps;
}

function valueOf(piece: JsonObject): Json | undefined {
  if ("nullValue" in piece) return null;
  return piece["stringValue"] ?? piece["numberValue"] ?? piece["boolValue"];
}

function childOf(node: Node, name: string | number): Node | undefined {
  if (Array.isArray(node)) return typeof name === "number" ? node[name] : undefined;
  return node instanceof Map ? node.get(String(name)) : undefined;
}

function setChild(node: Node, name: string | number, child: Node): void {
  if (Array.isArray(node)) {
    // A list grows by what comes next, so that a path with a huge index makes no huge list.
    if (typeof name === "number") node[Math.min(name, node.length)] = child;
  } else if (node instanceof Map) node.set(String(name), child);
}

function jsonOf(node: Node): Json {
  if (Array.isArray(node)) return node.map(jsonOf);
  if (node instanceof Map) return Object.fromEntries([...node].map(([name, child]) => [name, jsonOf(child)]));
  return isJsonObject(node) ? (node.value ?? null) : null;
}

/** The pieces of a call, if it has any. */
export function piecesOf(call: JsonObject): readonly Json[] {
  return arrayOf(call["partialArgs"]);
}
