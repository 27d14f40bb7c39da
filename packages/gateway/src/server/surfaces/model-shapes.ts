import { createHash } from "node:crypto";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { factsFor } from "../../routing/catalog.ts";
import { resolve } from "../../routing/names.ts";
import type { Catalog } from "../../routing/catalog.ts";
import type { ModelFacts } from "../../routing/types.ts";

/** A model as lists show it, in every surface's words. What is not known is left out, where the shape allows it. */
export interface ShownModel {
  readonly name: string;
  readonly facts: ModelFacts;
  /** Seconds since 1970. */
  readonly created: number;
  /** Names of its endpoints, in order. */
  readonly endpoints: readonly string[];
}

/** @param since Seconds since 1970, the age of a model whose own is not known. */
export function shownModel(name: string, { catalog, since }: { catalog: Catalog; since: number }): ShownModel {
  const model = resolve(catalog, name);
  const facts = model === undefined ? {} : factsFor(catalog, model);
  const endpoints = (model?.targets ?? []).map((target) => target.endpoint);
  return { name, facts, created: facts.created ?? since, endpoints };
}

function timeOf(created: number): string {
  return new Date(created * 1000).toISOString();
}

/** One object that both OpenAI's and Anthropic's SDKs read: it carries both sets of fields. */
export function openaiModel({ name, facts, created, endpoints }: ShownModel): JsonObject {
  return compact({
    id: name,
    object: "model",
    created,
    owned_by: facts.ownedBy ?? endpoints[0] ?? "patchbay",
    type: "model",
    display_name: facts.displayName ?? name,
    created_at: timeOf(created),
    context_length: facts.contextWindow,
    max_input_tokens: facts.contextWindow,
    max_tokens: facts.maxOutputTokens,
    architecture: modalities(facts),
    pricing: pricing(facts),
    capabilities: capabilities(facts),
    endpoints: endpoints.length === 0 ? undefined : endpoints,
  });
}

function modalities({ inputModalities, outputModalities }: ModelFacts): Json | undefined {
  if (inputModalities === undefined && outputModalities === undefined) return undefined;
  return compact({ input_modalities: inputModalities, output_modalities: outputModalities });
}

/** US dollars per million tokens. */
function pricing({ price }: ModelFacts): Json | undefined {
  if (price === undefined) return undefined;
  return compact({
    unit: "usd_per_million_tokens",
    input: price.input,
    output: price.output,
    cache_read: price.cacheRead,
    cache_write: price.cacheWrite,
  });
}

function capabilities(facts: ModelFacts): Json | undefined {
  const known = compact({ tools: facts.tools, reasoning: facts.reasoning, embeddings: facts.embeddings });
  return Object.keys(known).length === 0 ? undefined : known;
}

/** Anthropic's own shape, with its nulls (@anthropic-ai/sdk 1.11.0, `ModelInfo`). */
export function anthropicModel({ name, facts, created }: ShownModel): JsonObject {
  return {
    type: "model",
    id: name,
    display_name: facts.displayName ?? name,
    created_at: timeOf(created),
    max_input_tokens: facts.contextWindow ?? null,
    max_tokens: facts.maxOutputTokens ?? null,
    capabilities: null,
  };
}

/** Gemini's shape. */
export function geminiModel({ name, facts }: ShownModel): JsonObject {
  return compact({
    name: `models/${name}`,
    baseModelId: name,
    version: "001",
    displayName: facts.displayName ?? name,
    inputTokenLimit: facts.contextWindow,
    outputTokenLimit: facts.maxOutputTokens,
    supportedGenerationMethods:
      facts.embeddings === true
        ? ["embedContent", "batchEmbedContents"]
        : ["generateContent", "streamGenerateContent", "countTokens"],
    thinking: facts.reasoning,
  });
}

/** What Codex says to a model of which its catalog says nothing better. */
const codexInstructions =
  "You are Codex, a coding agent that works in a terminal on the user's computer. Do what the user asks to its end: " +
  "look at the files before you change them, make the smallest change that does the job, run what proves it, and say " +
  "briefly what you did. Use the tools you are given for every look and every change; never pretend to have used one.";

/** An entry of Codex's catalog. Every field of the first ten was found to be required by leaving it out (Codex 0.169.0). */
export function codexModel({ name, facts }: ShownModel, priority: number): JsonObject {
  const levels = facts.reasoning === false ? [] : ["low", "medium", "high"];
  return compact({
    slug: name,
    display_name: facts.displayName ?? name,
    supported_reasoning_levels: levels.map((effort) => ({ effort, description: `${effort} effort` })),
    shell_type: "shell_command",
    visibility: facts.embeddings === true ? "hide" : "list",
    supported_in_api: true,
    priority,
    base_instructions: codexInstructions,
    support_verbosity: false,
    truncation_policy: { mode: "bytes", limit: 10_000 },
    experimental_supported_tools: [],
    default_reasoning_level: levels.length === 0 ? undefined : "medium",
    supports_reasoning_summaries: facts.reasoning === true,
    supports_parallel_tool_calls: true,
    context_window: facts.contextWindow,
    input_modalities: facts.inputModalities?.filter((modality) => modality === "text" || modality === "image"),
  });
}

/** Ollama names what a model is and how it was made smaller, which nobody tells of a model elsewhere. */
const details = {
  parent_model: "",
  format: "",
  family: "patchbay",
  families: ["patchbay"],
  parameter_size: "",
  quantization_level: "",
};

/** An entry of Ollama's `/api/tags`. */
export function ollamaTag(model: ShownModel): JsonObject {
  return {
    name: model.name,
    model: model.name,
    modified_at: timeOf(model.created),
    size: 0,
    // Of the name alone: clients tell models apart by it.
    digest: createHash("sha256").update(model.name).digest("hex"),
    details,
    capabilities: ollamaCapabilities(model.facts),
  };
}

/** Ollama's `/api/show`. Clients read `capabilities` and `ARCHITECTURE.context_length`. */
export function ollamaShow({ name, facts, created }: ShownModel): JsonObject {
  return {
    license: "",
    modelfile: `FROM ${name}\n`,
    parameters: facts.contextWindow === undefined ? "" : `num_ctx                        ${facts.contextWindow}`,
    template: "{{ .Prompt }}",
    details,
    model_info: compact({
      "general.architecture": "patchbay",
      "general.basename": facts.displayName ?? name,
      "patchbay.context_length": facts.contextWindow,
    }),
    capabilities: ollamaCapabilities(facts),
    modified_at: timeOf(created),
  };
}

/** Agents hide models that cannot call tools, so that only what is known to lack them goes without. */
function ollamaCapabilities({ embeddings, tools, inputModalities, reasoning }: ModelFacts): readonly string[] {
  if (embeddings === true) return ["embedding"];
  return [
    "completion",
    ...(tools === false ? [] : ["tools"]),
    ...(inputModalities?.includes("image") === true ? ["vision"] : []),
    ...(reasoning === true ? ["thinking"] : []),
  ];
}
