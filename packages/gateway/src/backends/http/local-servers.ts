import type { Vendor } from "../../kernel/vendor.ts";
import { older, open, usual } from "./dialects.ts";

const auth: Vendor["auth"] = { header: "authorization", scheme: "bearer" };
const paths: Vendor["paths"] = {
  "openai-chat": "/chat/completions",
  "openai-completions": "/completions",
  "openai-embeddings": "/embeddings",
};
/**
 * Servers that people run themselves, at their default ports on this machine. Most serve OpenAI's protocols below
 * `/v1`. `local` says what only this server answers; where a port is shared, the text must tell them apart.
 */
export const localServers: readonly Vendor[] = [
  {
    type: "ollama",
    title: "Ollama",
    baseUrl: "http://127.0.0.1:11434",
    // ollama/ollama server/routes.go (2026-08-21). What OpenAI's shape can say goes there first, as seed 2 has it; an
    // older server answers 404 to what it does not have yet, and the next in order is taken.
    paths: {
      "openai-chat": "/v1/chat/completions",
      ollama: "/api/chat",
      "openai-completions": "/v1/completions",
      "ollama-generate": "/api/generate",
      "ollama-embeddings": "/api/embed",
      "openai-embeddings": "/v1/embeddings",
      "openai-responses": "/v1/responses",
      "anthropic-messages": "/v1/messages",
    },
    modelsPath: "/api/tags",
    modelPath: "/api/show",
    auth,
    environment: ["OLLAMA_API_KEY"],
    // Open WebUI's word. Not OLLAMA_HOST, which is also what the server listens on: often 0.0.0.0, without a scheme.
    urlEnvironment: ["OLLAMA_BASE_URL"],
    // More servers imitate /api/version than this text.
    local: { port: 11434, path: "/", contains: "Ollama is running" },
    // docs.ollama.com/api/openai-compatibility: stream_options.include_usage, max_tokens, no max_completion_tokens; and
    // no num_ctx: its default of 4,096 tokens cuts what is longer, silently. So what is longer goes to the native API.
    dialect: {
      ...older,
      narrow: {
        protocols: ["openai-chat", "openai-completions", "openai-responses", "anthropic-messages"],
        bytes: 8000,
      },
    },
  },
  {
    type: "lmstudio",
    title: "LM Studio",
    baseUrl: "http://127.0.0.1:1234/v1",
    paths,
    modelsPath: "/models",
    auth,
    // lmstudio.ai/docs/developer: authentication is optional, by a bearer token.
    environment: ["LM_STUDIO_API_KEY", "LMSTUDIO_API_KEY"],
    urlEnvironment: ["LMSTUDIO_BASE_URL"],
    // Its native list (lmstudio.ai/docs/api/rest-api) has this field on every model, as nobody else has.
    local: { port: 1234, path: "/api/v0/models", contains: "compatibility_type" },
    dialect: { ...older, ...open },
  },
  {
    type: "vllm",
    title: "vLLM",
    baseUrl: "http://127.0.0.1:8000/v1",
    paths,
    modelsPath: "/models",
    auth,
    // What `vllm serve` itself reads for --api-key (docs.vllm.ai, environment variables).
    environment: ["VLLM_API_KEY"],
    urlEnvironment: ["VLLM_BASE_URL"],
    local: { port: 8000, path: "/v1/models", contains: '"owned_by":"vllm"' },
    dialect: { ...usual, ...open },
  },
  {
    type: "sglang",
    title: "SGLang",
    baseUrl: "http://127.0.0.1:30000/v1",
    paths,
    modelsPath: "/models",
    auth,
    environment: ["SGLANG_API_KEY"],
    urlEnvironment: ["SGLANG_BASE_URL"],
    // docs.sglang.io: 30000 is its default port.
    local: { port: 30000, path: "/v1/models", contains: '"owned_by":"sglang"' },
    dialect: { ...usual, ...open },
  },
  {
    type: "llamacpp",
    title: "llama.cpp",
    baseUrl: "http://127.0.0.1:8080/v1",
    paths,
    modelsPath: "/models",
    auth,
    // What llama-server itself reads for --api-key (llama.cpp, tools/server/README.md).
    environment: ["LLAMA_API_KEY"],
    urlEnvironment: ["LLAMACPP_BASE_URL"],
    local: { port: 8080, path: "/v1/models", contains: '"owned_by":"llamacpp"' },
    // pi's own llama.cpp provider: max_tokens, usage in streams, no developer role.
    dialect: { ...older, ...open },
  },
];
