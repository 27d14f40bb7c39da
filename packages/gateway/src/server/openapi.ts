import type { Json, JsonObject } from "../kernel/json.ts";
import { compact } from "../kernel/json.ts";
import type { Route, RouteAbout } from "./router.ts";

/** A route with a path at which it answers; `{name}` stands for the rest of a path. */
interface Listed {
  readonly method: string;
  readonly path: string;
  readonly route: Route;
}

const keys: JsonObject = {
  bearer: { type: "http", scheme: "bearer", description: "`Authorization: Bearer KEY`" },
  xApiKey: { type: "apiKey", in: "header", name: "x-api-key" },
  apiKey: { type: "apiKey", in: "header", name: "api-key" },
  xGoogApiKey: { type: "apiKey", in: "header", name: "x-goog-api-key" },
  queryKey: { type: "apiKey", in: "query", name: "key", description: "On Gemini's surface only" },
};

const anyObject: JsonObject = { type: "object", additionalProperties: true };

/**
 * The description of the API (OpenAPI 3.1), made of the routes themselves, so that it names each and no other. Bodies
 * are those of the vendors, whose own documents describe them. The first path of a route is its own, others are aliases.
 */
export function describeApi(routes: readonly Listed[], version: string): JsonObject {
  const paths = new Map<string, Record<string, Json>>();
  const first = new Map<string, string>();
  for (const listed of routes) {
    const { method, route } = listed;
    const path = templateOf(listed);
    const same = `${method} ${surfaceOf(route)} ${route.about?.summary ?? ""}`;
    const canonical = first.get(same) ?? path;
    first.set(same, canonical);
    const methods = paths.get(path) ?? {};
    methods[method.toLowerCase()] = operationOf({ ...listed, path }, canonical === path ? undefined : canonical);
    paths.set(path, methods);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Patchbay",
      version,
      description: "A gateway for language models. Errors have the shape of the surface that is called.",
    },
    paths: Object.fromEntries(paths),
    components: { securitySchemes: keys },
  };
}

function surfaceOf({ about }: Route): string {
  return about?.surface ?? "other";
}

function templateOf({ path, route }: Listed): string {
  return path.replace("{name}", `{${parameterName(route.about)}}`);
}

/** The name of the path's parameter; what is no word is said of it instead. */
function parameterName(about: RouteAbout | undefined): string {
  const said = about?.name ?? "";
  return /^[a-z]+$/.test(said) ? said : "name";
}

function operationOf({ method, path, route }: Listed, canonical: string | undefined): JsonObject {
  const about: RouteAbout = route.about ?? { surface: "operation", summary: path };
  const open = route.access === "public";
  return compact({
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+/g, "_")}`,
    summary: canonical === undefined ? about.summary : `${about.summary} (alias of ${canonical})`,
    tags: [about.surface],
    security: open ? [] : securityOf(route),
    parameters: parametersOf(about, path),
    requestBody: bodyOf(about),
    responses: compact({
      "200": answerOf(about, method),
      "401": open ? undefined : { description: refusalOf(route), content: json(anyObject) },
    }),
  });
}

function refusalOf({ access }: Route): string {
  return access === "admin" ? "Not asked on the gateway's own machine" : "A key is needed, or is not valid";
}

function securityOf(route: Route): readonly Json[] {
  // No key is needed, nor does one help: it answers on the gateway's own machine alone.
  if (route.access === "admin") return [];
  const names = Object.keys(keys).filter((name) => name !== "queryKey" || route.queryKey === true);
  // The last says that none may be needed: without a key from this machine, if the operator leaves that open.
  return [...names.map((name) => ({ [name]: [] })), {}];
}

function parametersOf(about: RouteAbout, path: string): Json | undefined {
  const named = parameterName(about);
  const schema = { type: "string" };
  const said = named === "name" && about.name !== undefined ? { description: about.name } : {};
  const parameters = [
    ...(path.includes(`{${named}}`) ? [{ name: named, in: "path", required: true, schema, ...said }] : []),
    ...(about.query ?? []).map((name) => ({ name, in: "query", required: false, schema })),
  ];
  return parameters.length === 0 ? undefined : parameters;
}

function bodyOf({ body }: RouteAbout): Json | undefined {
  if (body === undefined) return undefined;
  if (body === "json") return { required: true, content: json(anyObject) };
  return { required: true, content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } } };
}

function answerOf({ answers = ["application/json"] }: RouteAbout, method: string): Json {
  const description = "The answer";
  if (method === "HEAD") return { description };
  const content = answers.map((type) => [
    type,
    { schema: type === "application/json" ? anyObject : { type: "string" } },
  ]);
  return { description, content: Object.fromEntries(content) };
}

function json(schema: JsonObject): JsonObject {
  return { "application/json": { schema } };
}
