import { mayUse } from "../../auth/identity.ts";
import { failure } from "../../kernel/failure.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { offeredNames } from "../../routing/catalog.ts";
import { resolve } from "../../routing/names.ts";
import type { Gateway } from "../gateway.ts";
import { decodeName } from "../router.ts";
import type { Incoming, Route } from "../router.ts";
import { surfaceOf } from "../shapes.ts";
import type { Surface } from "../shapes.ts";
import { anthropicModel, codexModel, geminiModel, openaiModel, shownModel } from "./model-shapes.ts";
import type { ShownModel } from "./model-shapes.ts";
import { modelLists, modelPrefixes } from "./paths.ts";

/** Most models on a page. Who names no number gets as many: clients that do not turn pages see all. */
const longestPage = 1000;

/** The lists of models, in the shape that the path or the headers ask for, and single models. */
export function addModelRoutes(gateway: Gateway): void {
  const { router, shapes } = gateway;
  const common = {
    access: "key",
    errors: shapes.of("openai"),
    errorsFor: (incoming: Incoming) => shapes.for(incoming),
    queryKey: true,
  } as const;
  const list: Route = {
    ...common,
    about: {
      surface: "openai",
      summary: "Models, in the shape of OpenAI, Anthropic (anthropic-version), Gemini (x-goog-api-key) or Codex",
      query: ["limit", "after_id", "before_id", "pageSize", "pageToken", "client_version"],
    },
    handle: (incoming) => gateway.json(incoming, listFor(incoming, offered(incoming, gateway))),
  };
  const one: Route = {
    ...common,
    about: { surface: "openai", summary: "One model", name: "model" },
    handle: (incoming) => showOne(incoming, gateway),
  };
  router.add("GET", modelLists, list);
  router.addPrefix("GET", modelPrefixes, one);
}

/** Every model that this caller may use. */
export function offered({ identity }: Incoming, gateway: Gateway): readonly ShownModel[] {
  const runtime = gateway.service.current();
  return offeredNames(runtime.catalog)
    .filter((name) => identity !== undefined && mayUse(identity, name))
    .map((name) => shownModel(name, runtime));
}

/** A model by its name, if this caller may know of it. Patterns and `endpoint/model` are found too. */
export function findOffered(
  { identity }: Incoming,
  name: string | undefined,
  gateway: Gateway,
): ShownModel | undefined {
  const runtime = gateway.service.current();
  if (name === undefined || identity === undefined || !mayUse(identity, name)) return undefined;
  return resolve(runtime.catalog, name) === undefined ? undefined : shownModel(name, runtime);
}

/** What a client is told of a model that is not there, or not for it: which of the two is not to be learnt. */
export function noSuchModel(name: string | undefined) {
  return failure("model-not-found", `The model '${(name ?? "").slice(0, 100)}' does not exist.`, { param: "model" });
}

function showOne(incoming: Incoming, gateway: Gateway): void {
  const surface = surfaceOf(incoming);
  const given = decodeName(incoming);
  const name = surface === "gemini" && given?.startsWith("models/") === true ? given.slice("models/".length) : given;
  const model = findOffered(incoming, name, gateway);
  if (model === undefined) return gateway.refuse(incoming, gateway.shapes.of(surface), noSuchModel(name));
  gateway.json(incoming, describe[surface](model));
}

const describe: { readonly [S in Surface]: (model: ShownModel) => JsonObject } = {
  openai: openaiModel,
  ollama: openaiModel,
  anthropic: anthropicModel,
  gemini: geminiModel,
};

function listFor(incoming: Incoming, models: readonly ShownModel[]): JsonObject {
  const query = new URLSearchParams(incoming.query);
  const surface = surfaceOf(incoming);
  if (surface === "gemini") return geminiList(models, query);
  if (surface === "anthropic") return anthropicList(models, query);
  const data = models.map(openaiModel);
  const ends = { has_more: false, first_id: models[0]?.name ?? null, last_id: models.at(-1)?.name ?? null };
  const list = { object: "list", data, ...ends };
  return query.has("client_version") ? { ...list, models: models.map(codexModel) } : list;
}

/** `limit` models after `after_id`, or before `before_id`, as Anthropic pages. */
function anthropicList(models: readonly ShownModel[], query: URLSearchParams): JsonObject {
  const limit = pageSize(query.get("limit"));
  const place = (id: string | null) => (id === null ? -1 : models.findIndex(({ name }) => name === id));
  const after = place(query.get("after_id"));
  const before = place(query.get("before_id"));
  const from = before === -1 ? after + 1 : Math.max(0, before - limit);
  const to = before === -1 ? from + limit : before;
  const page = models.slice(from, to);
  return {
    data: page.map(anthropicModel),
    has_more: before === -1 ? to < models.length : from > 0,
    first_id: page[0]?.name ?? null,
    last_id: page.at(-1)?.name ?? null,
  };
}

/** Pages as Gemini has them. A token is the name of the last model of the page before. */
function geminiList(models: readonly ShownModel[], query: URLSearchParams): JsonObject {
  const token = query.get("pageToken");
  const from = token === null ? 0 : models.findIndex(({ name }) => name === token) + 1;
  const page = models.slice(from, from + pageSize(query.get("pageSize")));
  const last = page.at(-1);
  const more = last !== undefined && from + page.length < models.length;
  return { models: page.map(geminiModel), ...(more ? { nextPageToken: last.name } : {}) };
}

function pageSize(given: string | null): number {
  const size = Number(given ?? longestPage);
  return Number.isInteger(size) && size > 0 ? Math.min(size, longestPage) : longestPage;
}
