import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ModelFacts } from "../../routing/types.ts";
import { mostModels, readModelDetails, readModelList } from "./model-list.ts";
import { longestId } from "./model-values.ts";

/** One model as each vendor lists it, and what we must know of it. */
const shapes: readonly {
  readonly name: string;
  readonly body: unknown;
  readonly id: string;
  readonly facts: ModelFacts;
}[] = [
  {
    name: "OpenAI",
    body: {
      object: "list",
      data: [{ id: "gpt-4o", object: "model", created: 1715367049, owned_by: "system" }],
    },
    id: "gpt-4o",
    facts: { created: 1715367049, ownedBy: "system" },
  },
  {
    name: "OpenRouter",
    body: {
      data: [
        {
          id: "openai/gpt-4o-mini",
          name: "OpenAI: GPT-4o-mini",
          created: 1721260800,
          context_length: 128000,
          architecture: {
            modality: "text+image->text",
            input_modalities: ["text", "image", "file"],
            output_modalities: ["text"],
          },
          pricing: {
            prompt: "0.00000015",
            completion: "0.0000006",
            input_cache_read: "0.000000075",
            request: "0",
            image: "0.000217",
          },
          top_provider: {
            context_length: 128000,
            max_completion_tokens: 16384,
            is_moderated: true,
          },
          supported_parameters: ["max_tokens", "temperature", "tools", "tool_choice"],
        },
      ],
    },
    id: "openai/gpt-4o-mini",
    facts: {
      contextWindow: 128000,
      maxOutputTokens: 16384,
      inputModalities: ["text", "image", "file"],
      outputModalities: ["text"],
      tools: true,
      price: { input: 0.15, output: 0.6, cacheRead: 0.075 },
      created: 1721260800,
      displayName: "OpenAI: GPT-4o-mini",
    },
  },
  {
    name: "OpenRouter's router, whose price is -1",
    body: {
      data: [
        {
          id: "openrouter/auto",
          context_length: 2000000,
          pricing: { prompt: "-1", completion: "-1" },
        },
      ],
    },
    id: "openrouter/auto",
    facts: { contextWindow: 2000000 },
  },
  {
    name: "Groq",
    body: {
      object: "list",
      data: [
        {
          id: "llama-3.1-8b-instant",
          object: "model",
          created: 1693721698,
          owned_by: "Meta",
          active: true,
          context_window: 131072,
          public_apps: null,
          max_completion_tokens: 131072,
        },
      ],
    },
    id: "llama-3.1-8b-instant",
    facts: { contextWindow: 131072, maxOutputTokens: 131072, created: 1693721698, ownedBy: "Meta" },
  },
  {
    name: "vLLM",
    body: {
      object: "list",
      data: [
        {
          id: "Qwen/Qwen2.5-0.5B",
          object: "model",
          created: 1733000000,
          owned_by: "vllm",
          root: "Qwen/Qwen2.5-0.5B",
          parent: null,
          max_model_len: 32768,
          permission: [{ id: "modelperm-1" }],
        },
      ],
    },
    id: "Qwen/Qwen2.5-0.5B",
    facts: { contextWindow: 32768, created: 1733000000, ownedBy: "vllm" },
  },
  {
    name: "Mistral",
    body: {
      object: "list",
      data: [
        {
          id: "mistral-small-latest",
          object: "model",
          created: 1700000000,
          owned_by: "mistralai",
          capabilities: {
            completion_chat: true,
            function_calling: true,
            reasoning: false,
            vision: true,
          },
          name: "mistral-small-2506",
          max_context_length: 131072,
          type: "base",
        },
      ],
    },
    id: "mistral-small-latest",
    facts: {
      contextWindow: 131072,
      inputModalities: ["text", "image"],
      tools: true,
      reasoning: false,
      created: 1700000000,
      ownedBy: "mistralai",
      displayName: "mistral-small-2506",
    },
  },
  {
    name: "Together, a bare array",
    body: [
      {
        id: "meta-llama/Llama-3.3-70B-Instruct-Turbo",
        object: "model",
        created: 0,
        type: "chat",
        display_name: "Meta Llama 3.3 70B",
        organization: "Meta",
        context_length: 131072,
        pricing: { hourly: 0, input: 0.88, output: 0.88, base: 0, finetune: 0, cached_input: 0.44 },
      },
    ],
    id: "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    facts: {
      contextWindow: 131072,
      price: { input: 0.88, output: 0.88, cacheRead: 0.44 },
      ownedBy: "Meta",
      displayName: "Meta Llama 3.3 70B",
    },
  },
  {
    name: "Together's embedding model",
    body: [
      {
        id: "BAAI/bge",
        type: "embedding",
        context_length: 512,
        pricing: { input: 0.02, output: 0 },
      },
    ],
    id: "BAAI/bge",
    facts: { contextWindow: 512, embeddings: true, price: { input: 0.02, output: 0 } },
  },
  {
    name: "DeepInfra",
    body: {
      object: "list",
      data: [
        {
          id: "deepseek-ai/DeepSeek-V3",
          object: "model",
          created: 1735000000,
          owned_by: "deepinfra",
          metadata: {
            description: "…",
            context_length: 163840,
            max_tokens: 81920,
            pricing: { input_tokens: 0.38, output_tokens: 0.89, cache_read_tokens: 0.19 },
            tags: ["reasoning", "tools"],
          },
        },
      ],
    },
    id: "deepseek-ai/DeepSeek-V3",
    facts: {
      contextWindow: 163840,
      maxOutputTokens: 81920,
      tools: true,
      reasoning: true,
      price: { input: 0.38, output: 0.89, cacheRead: 0.19 },
      created: 1735000000,
      ownedBy: "deepinfra",
    },
  },
  {
    name: "LM Studio's own list",
    body: {
      object: "list",
      data: [
        {
          id: "qwen2-vl-7b",
          object: "model",
          type: "vlm",
          publisher: "mlx-community",
          compatibility_type: "mlx",
          max_context_length: 32768,
        },
      ],
    },
    id: "qwen2-vl-7b",
    facts: { contextWindow: 32768, inputModalities: ["text", "image"], ownedBy: "mlx-community" },
  },
  {
    name: "llama.cpp",
    body: {
      object: "list",
      models: [{ name: "other list" }],
      data: [
        {
          id: "gemma-4",
          object: "model",
          owned_by: "llamacpp",
          meta: { vocab_type: 2, n_vocab: 262144, n_ctx_train: 131072, n_embd: 2560 },
        },
      ],
    },
    id: "gemma-4",
    facts: { contextWindow: 131072, ownedBy: "llamacpp" },
  },
  {
    name: "llama.cpp started with a smaller context",
    body: { data: [{ id: "gemma-4", meta: { n_ctx: 16384, n_ctx_train: 131072 } }] },
    id: "gemma-4",
    facts: { contextWindow: 16384 },
  },
  {
    name: "Cerebras's public list",
    body: {
      data: [
        {
          id: "gpt-oss-120b",
          name: "GPT OSS 120B",
          owned_by: "OpenAI",
          pricing: { prompt: "0.00000035", completion: "0.00000075" },
          capabilities: { tools: true, reasoning: true, vision: false },
          limits: { max_context_length: 131072, max_completion_tokens: 40960 },
        },
      ],
    },
    id: "gpt-oss-120b",
    facts: {
      contextWindow: 131072,
      maxOutputTokens: 40960,
      tools: true,
      reasoning: true,
      price: { input: 0.35, output: 0.75 },
      ownedBy: "OpenAI",
      displayName: "GPT OSS 120B",
    },
  },
  {
    name: "Chutes, which writes dollars per million into OpenRouter's fields",
    body: {
      data: [
        {
          id: "Qwen/Qwen3-32B-TEE",
          context_length: 40960,
          max_output_length: 40960,
          pricing: { prompt: 0.08, completion: 0.24, input_cache_read: 0.04 },
          supported_features: ["json_mode", "tools", "reasoning"],
        },
      ],
    },
    id: "Qwen/Qwen3-32B-TEE",
    facts: {
      contextWindow: 40960,
      maxOutputTokens: 40960,
      tools: true,
      reasoning: true,
      price: { input: 0.08, output: 0.24, cacheRead: 0.04 },
    },
  },
  {
    name: "Moonshot",
    body: {
      data: [
        {
          id: "kimi-k2.6",
          context_length: 262144,
          supports_image_in: true,
          supports_reasoning: true,
        },
      ],
    },
    id: "kimi-k2.6",
    facts: { contextWindow: 262144, inputModalities: ["text", "image"], reasoning: true },
  },
  {
    name: "Open WebUI",
    body: {
      data: [
        {
          id: "llama3.1:latest",
          name: "llama3.1",
          object: "model",
          created: 1700000000,
          owned_by: "ollama",
          openai: { max_model_len: 8192 },
        },
      ],
    },
    id: "llama3.1:latest",
    facts: { contextWindow: 8192, created: 1700000000, ownedBy: "ollama", displayName: "llama3.1" },
  },
];

const native: typeof shapes = [
  {
    name: "Anthropic",
    body: {
      data: [
        {
          type: "model",
          id: "claude-opus-5",
          display_name: "Claude Opus 5",
          created_at: "2026-07-24T00:00:00Z",
          max_input_tokens: 1_000_000,
          max_tokens: 128_000,
          capabilities: { image_input: { supported: true }, thinking: { supported: true, types: {} } },
        },
      ],
      has_more: false,
    },
    id: "claude-opus-5",
    facts: {
      contextWindow: 1_000_000,
      maxOutputTokens: 128_000,
      inputModalities: ["text", "image"],
      reasoning: true,
      created: 1_784_851_200,
      displayName: "Claude Opus 5",
    },
  },
  {
    name: "Anthropic, of a model of which little is known",
    body: {
      data: [
        { type: "model", id: "claude-x", display_name: "X", created_at: "1970-01-01T00:00:00Z", capabilities: null },
      ],
    },
    id: "claude-x",
    facts: { displayName: "X" },
  },
  {
    name: "Gemini, without what only makes pictures",
    body: {
      models: [
        {
          name: "models/gemini-2.5-pro",
          version: "2.5",
          displayName: "Gemini 2.5 Pro",
          inputTokenLimit: 1_048_576,
          outputTokenLimit: 65_536,
          supportedGenerationMethods: ["generateContent", "countTokens"],
          thinking: true,
        },
        { name: "models/imagen-4", supportedGenerationMethods: ["predict"] },
      ],
    },
    id: "gemini-2.5-pro",
    facts: {
      contextWindow: 1_048_576,
      maxOutputTokens: 65_536,
      reasoning: true,
      embeddings: false,
      displayName: "Gemini 2.5 Pro",
    },
  },
  {
    name: "Gemini's embedding model",
    body: {
      models: [
        {
          name: "models/gemini-embedding-001",
          displayName: "Gemini Embedding",
          inputTokenLimit: 2048,
          outputTokenLimit: 1,
          supportedGenerationMethods: ["embedContent", "countTokens"],
        },
      ],
    },
    id: "gemini-embedding-001",
    facts: { contextWindow: 2048, maxOutputTokens: 1, embeddings: true, displayName: "Gemini Embedding" },
  },
  {
    name: "Ollama",
    body: {
      models: [
        {
          name: "llava:7b",
          model: "llava:7b",
          modified_at: "2026-01-01T00:00:00Z",
          size: 1,
          digest: "abc",
          details: { family: "llama" },
          capabilities: ["completion", "vision"],
        },
      ],
    },
    id: "llava:7b",
    facts: {
      displayName: "llava:7b",
      tools: false,
      reasoning: false,
      embeddings: false,
      inputModalities: ["text", "image"],
    },
  },
];

for (const { name, body, id, facts } of [...shapes, ...native]) {
  test(`reads the list of ${name}`, () => {
    assert.deepEqual(readModelList(body), [{ id, facts }]);
  });
}

test("takes no model without a printable name of bounded length", () => {
  const refused: readonly unknown[] = [
    {},
    { id: "" },
    { id: 7 },
    { id: null },
    { id: "a\nb" },
    { id: "\u001b[31mred" },
    { id: "a\u202eb" },
    { id: " padded" },
    { id: "\ud800" },
    { id: "x".repeat(longestId + 1) },
    null,
    7,
    [],
  ];
  assert.deepEqual(readModelList({ data: [...refused, { id: "x".repeat(longestId) }] }), [
    { id: "x".repeat(longestId), facts: {} },
  ]);
});

test("leaves out facts that are not what they should be", () => {
  const model = {
    id: "m",
    created: "yesterday",
    owned_by: "\u001b[2J",
    context_length: -1,
    max_completion_tokens: 1.5,
    pricing: { prompt: "free", completion: Infinity, input_cache_read: "" },
    architecture: { input_modalities: "text", output_modalities: [1, null] },
    capabilities: "all",
    supported_parameters: { tools: true },
    metadata: 7,
  };
  assert.deepEqual(readModelList({ data: [model] }), [{ id: "m", facts: {} }]);
});

test("a price of nothing is a price, not an unknown", () => {
  const [model] = readModelList({
    data: [{ id: "m:free", pricing: { prompt: "0", completion: "0" } }],
  });
  assert.deepEqual(model?.facts.price, { input: 0, output: 0 });
});

test("takes the first of models with the same name, and a bounded number of them", () => {
  const many = Array.from({ length: mostModels + 50 }, (_, index) => ({
    id: `m${Math.floor(index / 2)}`,
    created: index + 1,
  }));
  const found = readModelList(many);
  assert.equal(found.length, (mostModels + 50) / 2);
  assert.equal(found[1]?.facts.created, 3);
  const distinct = Array.from({ length: mostModels + 50 }, (_, index) => `m${index}`);
  assert.equal(readModelList(distinct).length, mostModels);
});

test("inherited and hostile property names are no facts", () => {
  const hostile: unknown = JSON.parse('{"data":[{"id":"__proto__","__proto__":{"context_length":5,"owned_by":"x"}}]}');
  assert.deepEqual(readModelList(hostile), [{ id: "__proto__", facts: {} }]);
});

test("never throws, whatever the body is", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.anything(), fc.jsonValue(), fc.record({ data: fc.array(fc.dictionary(fc.string(), fc.anything())) })),
      (body) => {
        for (const model of readModelList(body)) assert.ok(model.id.length > 0 && model.id.length <= longestId);
      },
    ),
  );
});

test("reads what Ollama shows of a model", () => {
  const shown = {
    capabilities: ["completion", "tools", "thinking"],
    model_info: { "general.architecture": "qwen3", "qwen3.context_length": 40960, "llama.context_length": 1 },
  };
  assert.deepEqual(readModelDetails(shown), {
    contextWindow: 40960,
    tools: true,
    reasoning: true,
    embeddings: false,
    inputModalities: ["text"],
  });
  assert.deepEqual(readModelDetails({ capabilities: ["embedding"] }), {
    tools: false,
    reasoning: false,
    embeddings: true,
    inputModalities: ["text"],
  });
  for (const other of [undefined, null, "x", [], {}, { model_info: { "general.architecture": "__proto__" } }]) {
    assert.deepEqual(readModelDetails(other), {});
  }
});
