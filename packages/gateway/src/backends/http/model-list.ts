import { compact, isJsonObject, own, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Price } from "../../kernel/usage.ts";
import type { CatalogModel, ModelFacts } from "../../routing/types.ts";

/** Most models that are taken from one list. OpenRouter, the longest known, has about 600. */
export const mostModels = 5_000;
/** Longest model name, in characters. */
export const longestId = 256;
const longestText = 256;
const mostModalities = 16;
/** Larger numbers of tokens or seconds than this are nonsense. */
const largestCount = 1e12;
/** Dollars per million tokens; dearer than this is nonsense. */
const dearest = 1e6;

// oxlint-disable-next-line no-control-regex -- control characters are what is refused, and marks that turn text around.
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]|^\s|\s$/;

function text(value: Json | undefined, longest = longestText): string | undefined {
  if (typeof value !== "string" || value === "" || value.length > longest) return undefined;
  return unprintable.test(value) || !value.isWellFormed() ? undefined : value;
}

/** A whole number above 0. Zero means unknown in every list we have seen. */
function count(value: Json | undefined): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= largestCount ? value : undefined;
}

function flag(value: Json | undefined): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function object(value: Json | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

/** The first of `names` that `read` accepts. */
function first<Value>(
  source: JsonObject | undefined,
  names: readonly string[],
  read: (value: Json | undefined) => Value | undefined,
): Value | undefined {
  if (source === undefined) return undefined;
  for (const name of names) {
    const value = read(own(source, name));
    if (value !== undefined) return value;
  }
  return undefined;
}

function words(value: Json | undefined): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.slice(0, mostModalities).flatMap((item: Json) => text(item, 32) ?? []);
  return found.length === 0 ? undefined : found;
}

/** Without the digits that binary fractions add: 0.0000006 dollars a token are 0.6 a million, not 0.6000000000000001. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}

/** An amount, as a number or as a text, in dollars per million tokens. */
function money(value: Json | undefined, unit: "token" | "million"): number | undefined {
  const amount = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  if (typeof amount !== "number" || !Number.isFinite(amount) || amount < 0) return undefined;
  const price = rounded(unit === "token" ? amount * 1_000_000 : amount);
  return price <= dearest ? price : undefined;
}

const priceNames = {
  input: ["prompt", "input", "input_tokens"],
  output: ["completion", "output", "output_tokens"],
  cacheRead: ["input_cache_read", "cached_input", "cache_read_tokens", "cached_input_tokens"],
  cacheWrite: ["input_cache_write", "cache_write_tokens"],
} as const satisfies { readonly [Name in keyof Price]: readonly string[] };

/** From here on an amount cannot be dollars per token: that would be a thousand dollars per million. */
const tooDearPerToken = 0.001;

/**
 * Lists that say `prompt` and `completion` follow OpenRouter's format: dollars per token (OpenRouter, Cerebras).
 * Some write dollars per million there nevertheless, which the amounts give away. All others that we know give
 * dollars per million (Together, DeepInfra, Hugging Face's format).
 */
function unitOf(pricing: JsonObject): "token" | "million" {
  const amounts = ["prompt", "completion"].map((name) => Number(own(pricing, name)));
  if (amounts.every((amount) => Number.isNaN(amount))) return "million";
  return amounts.some((amount) => amount >= tooDearPerToken) ? "million" : "token";
}

function priceOf(pricing: JsonObject | undefined): Price | undefined {
  if (pricing === undefined) return undefined;
  const unit = unitOf(pricing);
  const price: { -readonly [Name in keyof Price]: Price[Name] } = {};
  for (const name of ["input", "output", "cacheRead", "cacheWrite"] as const) {
    const value = first(pricing, priceNames[name], (json) => money(json, unit));
    if (value !== undefined) price[name] = value;
  }
  return Object.keys(price).length === 0 ? undefined : price;
}

const contextNames = ["context_length", "context_window", "max_context_length", "max_model_len", "max_input_tokens"];
const outputNames = ["max_completion_tokens", "max_output_tokens", "max_output_length", "max_tokens"];

/** Places of a model object where vendors keep what they know, nearest first. */
function places(model: JsonObject): readonly JsonObject[] {
  const info = object(own(model, "info"));
  const inner = ["top_provider", "metadata", "limits", "openai", "meta"].map((name) => object(own(model, name)));
  const shown = info === undefined ? undefined : object(own(info, "meta"));
  return [model, ...inner, shown].filter((place) => place !== undefined);
}

function firstIn<Value>(
  sources: readonly JsonObject[],
  names: readonly string[],
  read: (value: Json | undefined) => Value | undefined,
): Value | undefined {
  for (const source of sources) {
    const value = first(source, names, read);
    if (value !== undefined) return value;
  }
  return undefined;
}

const embeddingTypes = new Set(["embedding", "embeddings", "text-embedding"]);

/** Facts that words in lists tell: supported parameters, features, tags, capabilities. */
function abilities(model: JsonObject, sources: readonly JsonObject[]): ModelFacts {
  const capabilities = object(own(model, "capabilities"));
  const spoken = new Set(
    [
      ...["supported_parameters", "supported_features"].map((name) => words(own(model, name))),
      firstIn(sources, ["tags"], words),
      words(own(model, "capabilities")),
    ].flatMap((list) => list ?? []),
  );
  const tools =
    first(capabilities, ["function_calling", "tools", "tool_calling"], flag) ??
    first(model, ["supports_tools", "supports_tool_choice"], flag) ??
    (spoken.has("tools") || spoken.has("tool_use") || spoken.has("function_calling") ? true : undefined);
  const reasoning =
    first(capabilities, ["reasoning", "thinking"], flag) ??
    first(model, ["supports_reasoning"], flag) ??
    (spoken.has("reasoning") || spoken.has("reasoning_effort") ? true : undefined);
  const embeddings = embeddingTypes.has(text(own(model, "type")) ?? "") || spoken.has("embeddings") ? true : undefined;
  return compact({ tools, reasoning, embeddings });
}

/** What goes in and comes out, in the words of OpenRouter: `text`, `image`, `audio`, `file`. */
function modalities(model: JsonObject): ModelFacts {
  const architecture = object(own(model, "architecture"));
  const capabilities = object(own(model, "capabilities"));
  const seeing =
    first(capabilities, ["vision"], flag) === true ||
    first(model, ["supports_image_in", "supports_image_input"], flag) === true ||
    // LM Studio: a vision-language model.
    text(own(model, "type")) === "vlm";
  return compact({
    inputModalities:
      first(architecture, ["input_modalities"], words) ??
      first(model, ["input_modalities"], words) ??
      (seeing ? ["text", "image"] : undefined),
    outputModalities: first(architecture, ["output_modalities"], words) ?? first(model, ["output_modalities"], words),
  });
}

function readFacts(model: JsonObject): ModelFacts {
  const sources = places(model);
  const meta = object(own(model, "meta"));
  return compact({
    // llama.cpp: what it was started with, else what the model was trained with.
    contextWindow: firstIn(sources, contextNames, count) ?? first(meta, ["n_ctx", "n_ctx_train"], count),
    maxOutputTokens: firstIn(sources, outputNames, count),
    ...modalities(model),
    ...abilities(model, sources),
    price: priceOf(firstIn(sources, ["pricing"], object)),
    created: count(own(model, "created")),
    ownedBy: first(model, ["owned_by", "organization", "publisher"], text),
    displayName: first(model, ["display_name", "name"], text),
  });
}

/** Where a list hides in an answer: OpenAI's `data`, a bare array (Together), or `models`. */
function listOf(body: Json): readonly Json[] {
  if (Array.isArray(body)) return body;
  if (!isJsonObject(body)) return [];
  for (const name of ["data", "models"]) {
    const list = own(body, name);
    if (Array.isArray(list)) return list;
  }
  return [];
}

/**
 * Reads a model list in OpenAI's shape or in one of the richer ones of its imitators. Takes at most `mostModels`
 * models; leaves out entries without a printable name of at most `longestId` characters, repeated names, and every
 * fact that is not what it should be. Prices are dollars per million tokens. Never throws; what is no list is empty.
 *
 * Sources, besides the recorded shapes in the tests: docs of OpenRouter, Groq, Together, DeepInfra, Cerebras, Chutes,
 * LM Studio (`/api/v0/models`), llama.cpp (tools/server/README.md) and the SDKs named in vendors.ts.
 */
export function readModelList(body: unknown): readonly CatalogModel[] {
  const found = new Map<string, CatalogModel>();
  for (const item of listOf(body as Json)) {
    if (found.size >= mostModels) break;
    const model = typeof item === "string" ? { id: item } : object(item);
    if (model === undefined) continue;
    const id = text(own(model, "id"), longestId);
    if (id !== undefined && !found.has(id)) found.set(id, { id, facts: readFacts(model) });
  }
  return [...found.values()];
}
