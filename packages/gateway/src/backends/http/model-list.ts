import { compact, isJsonObject, own, type Json, type JsonObject } from "../../kernel/json.ts";
import type { Price } from "../../kernel/usage.ts";
import type { CatalogModel, ModelFacts } from "../../routing/types.ts";
import { nativeFacts, nativeId } from "./model-native.ts";
import { count, first, firstIn, flag, longestId, object, text, words } from "./model-values.ts";

export { readModelDetails } from "./model-native.ts";

/** Most models that are taken from one list. OpenRouter, the longest known, has about 600. */
export const mostModels = 5_000;
/** Dollars per million tokens; dearer than this is nonsense. */
const dearest = 1e6;

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
    displayName: first(model, ["display_name", "displayName", "name"], text),
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
 * Reads a model list in OpenAI's shape, in one of the richer ones of its imitators, or in Anthropic's, Gemini's or
 * Ollama's own. Takes at most `mostModels`
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
    const id = Object.hasOwn(model, "id") ? text(own(model, "id"), longestId) : nativeId(model);
    if (id !== undefined && !found.has(id))
      found.set(id, { id, facts: { ...readFacts(model), ...nativeFacts(model) } });
  }
  return [...found.values()];
}
