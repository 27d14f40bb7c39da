import { compact, isJsonObject, own, type Json, type JsonObject } from "../../kernel/json.ts";
import type { ModelFacts } from "../../routing/types.ts";
import { count, first, flag, longestId, object, text, words } from "./model-values.ts";

/*
 * Model lists in the shapes of Anthropic (GET /v1/models), Gemini (GET /v1beta/models) and Ollama (GET /api/tags, POST
 * /api/show). Sources: type declarations of @anthropic-ai/sdk 1.11.0 and @google/genai 3.1.0, ollama/ollama
 * api/types.go and server/routes.go (2026-08-21).
 */

/** Gemini's methods that a model must have one of to be of use here. */
const usefulMethods: ReadonlySet<string> = new Set(["generateContent", "embedContent", "batchEmbedContents"]);

/** The name of a model in a list that has no `id`: Gemini's `models/NAME`, or Ollama's `model`. */
export function nativeId(model: JsonObject): string | undefined {
  const name = text(own(model, "name"), longestId + "models/".length);
  if (name?.startsWith("models/") === true) {
    const methods = words(own(model, "supportedGenerationMethods"));
    if (methods !== undefined && !methods.some((method) => usefulMethods.has(method))) return undefined;
    return name.slice("models/".length) || undefined;
  }
  return text(own(model, "model"), longestId);
}

/** What these lists say in words of their own. */
export function nativeFacts(model: JsonObject): ModelFacts {
  if (Object.hasOwn(model, "supportedGenerationMethods")) return geminiFacts(model);
  if (text(own(model, "type")) === "model") return anthropicFacts(model);
  if (Object.hasOwn(model, "digest")) return ollamaFacts(model);
  return {};
}

/** What Ollama's `/api/show` tells of a model; nothing if it is no such answer. */
export function readModelDetails(body: unknown): ModelFacts {
  if (!isJsonObject(body)) return {};
  const info = object(own(body, "model_info"));
  const architecture = info === undefined ? undefined : text(own(info, "general.architecture"));
  const contextWindow =
    info === undefined || architecture === undefined ? undefined : count(own(info, `${architecture}.context_length`));
  return compact({ contextWindow, ...spoken(words(own(body, "capabilities"))) });
}

function geminiFacts(model: JsonObject): ModelFacts {
  const methods = words(own(model, "supportedGenerationMethods")) ?? [];
  const embeds = methods.includes("embedContent") || methods.includes("batchEmbedContents");
  return compact({
    contextWindow: count(own(model, "inputTokenLimit")),
    maxOutputTokens: count(own(model, "outputTokenLimit")),
    reasoning: flag(own(model, "thinking")),
    embeddings: methods.length === 0 ? undefined : embeds && !methods.includes("generateContent"),
    displayName: text(own(model, "displayName")),
  });
}

function anthropicFacts(model: JsonObject): ModelFacts {
  const capabilities = object(own(model, "capabilities"));
  const created = Date.parse(text(own(model, "created_at")) ?? "");
  const sees = first(capabilities, ["image_input"], supported);
  return compact({
    // A model of unknown age has the time 0.
    created: created > 0 ? Math.floor(created / 1000) : undefined,
    reasoning: first(capabilities, ["thinking"], supported),
    inputModalities: sees === undefined ? undefined : sees ? ["text", "image"] : ["text"],
  });
}

function supported(value: Json | undefined): boolean | undefined {
  const capability = object(value);
  return capability === undefined ? undefined : flag(own(capability, "supported"));
}

function ollamaFacts(model: JsonObject): ModelFacts {
  return spoken(words(own(model, "capabilities")));
}

/** Ollama names every capability of a model, so that what is not named is not there. */
function spoken(capabilities: readonly string[] | undefined): ModelFacts {
  if (capabilities === undefined) return {};
  const has = (word: string) => capabilities.includes(word);
  return {
    tools: has("tools"),
    reasoning: has("thinking"),
    embeddings: has("embedding") && !has("completion"),
    inputModalities: has("vision") ? ["text", "image"] : ["text"],
  };
}
