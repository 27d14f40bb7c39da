import { isJsonObject, own } from "../kernel/json.ts";
import type { Json } from "../kernel/json.ts";
import type { Vendor } from "../kernel/vendor.ts";
import { meant } from "./fields.ts";
import { formatPath } from "./path.ts";
import type { Path } from "./path.ts";

export interface CheckContext {
  readonly vendors: readonly Vendor[];
  /** Names of endpoints that detection found. */
  readonly detected: readonly string[];
  readonly report: (path: Path, message: string) => void;
}

/**
 * What no single value shows: names that clash, and names that lead nowhere. Looks at the resolved document as it is,
 * valid or not, so that these problems come together with the schema's.
 */
export function checkReferences(document: Json, context: CheckContext): void {
  const endpoints = checkEndpoints(document, context);
  checkModelNames(document, endpoints, context.report);
  checkTargets(document, endpoints, context);
  checkKeys(document, context.report);
}

function checkKeys(document: Json, report: CheckContext["report"]): void {
  const names = new Map<string, Path>();
  const secrets = new Map<string, Path>();
  for (const [key, path] of entries(document, "keys")) {
    const name = textOf(key, "name");
    if (name !== undefined) noteName(names, name, { path: [...path, "name"], what: "key", report });
    const secret = textOf(key, "key")?.trim();
    const first = secret === undefined ? undefined : secrets.get(secret);
    if (first !== undefined) report([...path, "key"], `is the same key as ${formatPath(first)}`);
    else if (secret !== undefined) secrets.set(secret, [...path, "key"]);
  }
}

/** Names of the document's endpoints. */
function checkEndpoints(document: Json, { vendors, report }: CheckContext): ReadonlyMap<string, Path> {
  const seen = new Map<string, Path>();
  for (const [endpoint, path] of entries(document, "endpoints")) {
    const name = textOf(endpoint, "name");
    if (name !== undefined) noteName(seen, name, { path: [...path, "name"], what: "endpoint", report });
    const vendor = vendors.find(({ type }) => type === textOf(endpoint, "type"));
    const given = isJsonObject(endpoint) && Object.hasOwn(endpoint, "url");
    if (vendor !== undefined && vendor.baseUrl === undefined && !given) {
      report(path, `\`url\` is required: the type ${vendor.type} has no address of its own`);
    }
    if (vendor !== undefined && textOf(endpoint, "api") !== undefined && vendor.paths["openai-chat"] === undefined) {
      report([...path, "api"], `does not apply: the type ${vendor.type} serves none of OpenAI's APIs`);
    }
  }
  return seen;
}

function checkModelNames(document: Json, endpoints: ReadonlyMap<string, Path>, report: CheckContext["report"]): void {
  const seen = new Map<string, Path>();
  for (const [model, path] of entries(document, "models")) {
    for (const [name, place] of namesOf(model, path)) {
      noteName(seen, name, { path: place, what: "model", report });
      const slash = name.indexOf("/");
      const owner = slash > 0 ? name.slice(0, slash) : undefined;
      if (owner !== undefined && endpoints.has(owner)) {
        report(place, `hides the name that every model of the endpoint \`${owner}\` has, \`${owner}/...\``);
      }
    }
  }
}

function checkTargets(document: Json, endpoints: ReadonlyMap<string, Path>, context: CheckContext): void {
  const known = new Set([...endpoints.keys(), ...context.detected]);
  for (const [model, path] of entries(document, "models")) {
    const wild = namesOf(model, path).some(([name]) => name.includes("*"));
    const council = isJsonObject(model) ? (own(model, "council") ?? null) : null;
    const judge = isJsonObject(council) ? (own(council, "judge") ?? null) : null;
    const asked = [...entries(model, "targets", path), [judge, [...path, "council", "judge"]] as const];
    for (const [target, place] of asked) {
      const endpoint = textOf(target, "endpoint");
      if (endpoint !== undefined && !known.has(endpoint)) {
        context.report([...place, "endpoint"], `unknown endpoint {value}${remedy(endpoint, known, context.vendors)}`);
      }
      if (!wild && textOf(target, "model")?.includes("*") === true) {
        context.report([...place, "model"], "holds a `*`, but neither the name nor an alias has one");
      }
    }
  }
}

function remedy(endpoint: string, known: ReadonlySet<string>, vendors: readonly Vendor[]): string {
  const variable = vendors.find(({ type }) => type === endpoint)?.environment[0];
  return variable === undefined ? meant(endpoint, known) : `; set ${variable}, or add it under \`endpoints\``;
}

interface Naming {
  readonly path: Path;
  readonly what: string;
  readonly report: CheckContext["report"];
}

function noteName(seen: Map<string, Path>, name: string, { path, what, report }: Naming): void {
  const first = seen.get(name);
  if (first === undefined) seen.set(name, path);
  else report(path, `duplicate ${what} name {value}; ${formatPath(first)} has it already`);
}

function namesOf(model: Json, path: Path): readonly (readonly [name: string, path: Path])[] {
  const result: (readonly [string, Path])[] = [];
  const name = textOf(model, "name");
  if (name !== undefined) result.push([name, [...path, "name"]]);
  for (const [alias, place] of entries(model, "aliases", path)) {
    if (typeof alias === "string") result.push([alias, place]);
  }
  return result;
}

function entries(value: Json, name: string, path: Path = []): readonly (readonly [entry: Json, path: Path])[] {
  const found = isJsonObject(value) ? own(value, name) : undefined;
  if (!Array.isArray(found)) return [];
  return (found as readonly Json[]).map((entry, index) => [entry, [...path, name, index]] as const);
}

function textOf(value: Json, name: string): string | undefined {
  const found = isJsonObject(value) ? own(value, name) : undefined;
  return typeof found === "string" ? found : undefined;
}
