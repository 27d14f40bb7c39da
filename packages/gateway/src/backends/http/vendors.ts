import { operations } from "../../kernel/protocol.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { OpenaiApi, Vendor } from "../../kernel/vendor.ts";
import { lenient, older, open, usual } from "./dialects.ts";
import { localServers } from "./local-servers.ts";

/*
 * Facts were looked up in November 2026. Where a comment names an SDK, its type declarations were read: groq-sdk
 * 1.6.0, @cerebras/cerebras_cloud_sdk 1.91.0, together-ai 0.52.0, @mistralai/mistralai 2.7.0, @openrouter/sdk 1.3.19.
 * "pi" is the compatibility detection of badlogic/pi-mono (packages/ai, openai-completions), which is tried in daily
 * use. Without evidence that a backend knows the `developer` role it gets `system`, which all of them know.
 */

const bearer: Vendor["auth"] = { header: "authorization", scheme: "bearer" };
const chat = { "openai-chat": "/chat/completions" } as const;
const completions = { "openai-completions": "/completions" } as const;
const embeddings = { "openai-embeddings": "/embeddings" } as const;
const responses = { "openai-responses": "/responses" } as const;
const modelsPath = "/models";

const hosted: readonly Vendor[] = [
  {
    type: "openai",
    title: "OpenAI",
    baseUrl: "https://api.openai.com/v1",
    paths: { ...chat, ...responses, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: ["OPENAI_API_KEY"],
    // No urlEnvironment: people set OPENAI_BASE_URL to point clients at a gateway, which may be this very one.
    // Reasoning models answer 400 to `max_tokens`; all models know the newer field (openai-openapi, 2026-08). Responses
    // takes ids of up to 64 characters; chat refused those of more than 40 ("Expected a string with maximum length
    // 40": anomalyco/opencode#12653, BerriAI/litellm#17343). Stop sequences: "Invalid 'stop': array too long.
    // Expected an array with maximum length 4" (continuedev/continue#2461); openai-openapi, StopConfiguration.
    // "Unrecognized request argument supplied: top_k" (xlinx/sd-webui-decadetw-auto-prompt-llm#29).
    dialect: {
      streamUsage: true,
      developerRole: true,
      maxTokensField: "max_completion_tokens",
      mostStops: 4,
      topK: false,
      accepts: { customTools: true, callId: { character: /[a-zA-Z0-9_-]/, longest: 40 } },
    },
    modelPatterns: ["gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "text-embedding-*"],
  },
  {
    type: "anthropic",
    title: "Anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    paths: { "anthropic-messages": "/messages" },
    countPaths: { "anthropic-messages": "/messages/count_tokens" },
    // Its default page holds 20 (facts: Anthropic's API reference, models list).
    modelsPath: "/models?limit=1000",
    auth: { header: "x-api-key", scheme: "raw" },
    environment: ["ANTHROPIC_API_KEY"],
    // No urlEnvironment: people set ANTHROPIC_BASE_URL to point Claude Code at a gateway, which may be this very one.
    // Its SDKs, and all who imitate it, give a base without `/v1`.
    versionSegment: "/v1",
    headers: { "anthropic-version": "2023-06-01" },
    dialect: usual,
    modelPatterns: ["claude-*"],
  },
  {
    type: "gemini",
    title: "Google Gemini",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    paths: {
      gemini: {
        whole: "/models/{model}:generateContent",
        stream: "/models/{model}:streamGenerateContent?alt=sse",
      },
      "gemini-embeddings": "/models/{model}:batchEmbedContents",
    },
    countPaths: { gemini: "/models/{model}:countTokens" },
    // Its default page holds 50.
    modelsPath: "/models?pageSize=1000",
    auth: { header: "x-goog-api-key", scheme: "raw" },
    environment: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
    versionSegment: "/v1beta",
    dialect: usual,
    modelPatterns: ["gemini-*"],
  },
  {
    type: "together",
    title: "Together AI",
    // docs.together.ai also writes api.together.ai; both are the same service.
    baseUrl: "https://api.together.xyz/v1",
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: ["TOGETHER_API_KEY"],
    // SDK: `max_tokens` alone. No `stream_options` in it, but usage is in the last chunk and pi sends the option.
    dialect: { ...older, ...open },
  },
  {
    type: "deepinfra",
    title: "DeepInfra",
    baseUrl: "https://api.deepinfra.com/v1/openai",
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    // DEEPINFRA_TOKEN is the older word of their documentation.
    environment: ["DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"],
    dialect: { ...older, ...open },
  },
  {
    type: "cerebras",
    title: "Cerebras",
    baseUrl: "https://api.cerebras.ai/v1",
    // No embeddings (docs.getbifrost.ai, providers/cerebras).
    paths: { ...chat, ...completions },
    modelsPath,
    auth: bearer,
    environment: ["CEREBRAS_API_KEY"],
    // SDK: both token fields, `stream_options.include_usage`, a developer message. pi sends `system` nevertheless.
    dialect: usual,
  },
  {
    type: "chutes",
    title: "Chutes",
    baseUrl: "https://llm.chutes.ai/v1",
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    // "Authorization: Bearer, never X-API-Key, which inference ignores" (chutes.ai/agents/litellm).
    auth: bearer,
    environment: ["CHUTES_API_KEY", "CHUTES_API_TOKEN"],
    // pi.
    dialect: { ...older, ...open },
  },
  {
    type: "openrouter",
    title: "OpenRouter",
    baseUrl: "https://openrouter.ai/api/v1",
    // SDK documentation: `responses.send`, "OpenResponses API format".
    paths: { ...chat, ...completions, ...embeddings, ...responses },
    modelsPath,
    auth: bearer,
    environment: ["OPENROUTER_API_KEY"],
    // SDK: a developer message; whether the model behind knows it is another question (pi sends `system`).
    // openrouter.ai/docs/use-cases/reasoning-tokens: `reasoning` with effort, max_tokens, enabled and exclude.
    dialect: { ...usual, reasoningField: "reasoning" },
  },
  {
    type: "groq",
    title: "Groq",
    baseUrl: "https://api.groq.com/openai/v1",
    // Neither embeddings nor text completions (docs.getbifrost.ai, providers/groq; console.groq.com/docs/openai).
    paths: chat,
    modelsPath,
    auth: bearer,
    environment: ["GROQ_API_KEY"],
    // SDK: `role: 'system' | 'developer'`; `max_tokens` deprecated for `max_completion_tokens`. Usage comes as
    // `x_groq.usage` without the option, and as OpenAI's event with it (pi).
    // "property 'reasoning_content' is unsupported" (freellmapi#1070).
    dialect: { ...usual, developerRole: true, reasoningBack: "never" },
  },
  {
    type: "mistral",
    title: "Mistral",
    baseUrl: "https://api.mistral.ai/v1",
    paths: { ...chat, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: ["MISTRAL_API_KEY"],
    // It answered 422 to `include_usage` (openai/openai-agents-python#442), and its SDK has no `stream_options`;
    // usage is in the last chunk anyway. SDK: `maxTokens` alone, no developer message.
    // It answers 422 to `reasoning_content` (BerriAI/litellm#30835).
    dialect: {
      ...older,
      streamUsage: false,
      lateSystem: false,
      // Nine letters or digits (vllm-project/vllm, mistral tool parser).
      accepts: { ...lenient, callId: { character: /[a-zA-Z0-9]/, longest: 9, shortest: 9 } },
      reasoningBack: "never",
    },
    modelPatterns: ["mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*", "open-mi*"],
  },
  {
    type: "deepseek",
    title: "DeepSeek",
    // Without /v1, which is an alias (api-docs.deepseek.com); the beta of text completions lives elsewhere.
    baseUrl: "https://api.deepseek.com",
    // api-docs.deepseek.com/guides/anthropic_api: SDKs get `/anthropic` as the base, and add `/v1/messages`. It takes
    // x-api-key there; the bearer token was not verified, so that nothing is sent there.
    paths: chat,
    modelsPath,
    auth: bearer,
    environment: ["DEEPSEEK_API_KEY"],
    // `thinking: {type}`; turns without reasoning are refused beside tools (paper-chat-for-zotero#16, kimi-cli#2141).
    dialect: { ...older, reasoningField: "thinking", reasoningBack: "required" },
    modelPatterns: ["deepseek-*"],
  },
  {
    type: "xai",
    title: "xAI",
    baseUrl: "https://api.x.ai/v1",
    paths: chat,
    modelsPath,
    auth: bearer,
    environment: ["XAI_API_KEY"],
    dialect: usual,
    modelPatterns: ["grok-*"],
  },
  {
    type: "fireworks",
    title: "Fireworks AI",
    baseUrl: "https://api.fireworks.ai/inference/v1",
    // fireworks.ai/docs/guides/querying-text-models: chat completions and completions.
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: ["FIREWORKS_API_KEY"],
    dialect: usual,
  },
  {
    type: "moonshot",
    title: "Moonshot AI",
    // Accounts of the Chinese site need https://api.moonshot.cn/v1 (docs.litellm.ai, providers/moonshot).
    baseUrl: "https://api.moonshot.ai/v1",
    paths: chat,
    modelsPath,
    auth: bearer,
    environment: ["MOONSHOT_API_KEY"],
    // pi.
    // Turns without reasoning are refused beside tools (crush#2696, deer-flow#3043).
    dialect: { ...older, reasoningField: "thinking", reasoningBack: "required" },
    modelPatterns: ["kimi-*", "moonshot-*"],
  },
  {
    type: "nvidia",
    title: "NVIDIA NIM",
    baseUrl: "https://integrate.api.nvidia.com/v1",
    // docs.litellm.ai, providers/nvidia_nim.
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    // The second is LiteLLM's word.
    environment: ["NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"],
    // pi.
    dialect: { ...older, ...open },
  },
];

const anywhere: readonly Vendor[] = [
  {
    type: "openai-compatible",
    title: "OpenAI-compatible server",
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: [],
    dialect: { ...usual, ...open },
  },
  {
    type: "openwebui",
    title: "Open WebUI",
    // Its base is the site itself (docs.openwebui.com/getting-started/api-endpoints).
    paths: { "openai-chat": "/api/chat/completions", "openai-embeddings": "/api/v1/embeddings" },
    modelsPath: "/api/models",
    auth: bearer,
    environment: ["OPENWEBUI_API_KEY"],
    urlEnvironment: ["OPENWEBUI_BASE_URL"],
    dialect: usual,
  },
];

/** Every vendor that the HTTP driver knows. Adding one is adding a row. */
export const vendors: readonly Vendor[] = [...hosted, ...anywhere, ...localServers];

const byType: ReadonlyMap<string, Vendor> = new Map(vendors.map((vendor) => [vendor.type, vendor]));

/** The row for a `type:` of the document. */
export function vendorOf(type: string): Vendor | undefined {
  return byType.get(type);
}

/**
 * A vendor as an endpoint's `api` has it: `responses` puts that protocol first, at the place beside chat where servers
 * that imitate OpenAI have it; `chat` takes it away; `completions` leaves nothing else that generates, since a model
 * without a chat template answers 400 to everything else.
 */
export function withApi(vendor: Vendor, api: OpenaiApi): Vendor {
  const { "openai-responses": known, ...others } = vendor.paths;
  const beside = vendor.paths["openai-chat"];
  if (typeof beside !== "string") return vendor;
  if (api === "completions") {
    const path = vendor.paths["openai-completions"] ?? beside.replace("/chat/completions", "/completions");
    const rest = Object.entries(others).filter(([protocol]) => operations[protocol as Protocol] !== "generate");
    return { ...vendor, paths: { "openai-completions": path, ...Object.fromEntries(rest) } };
  }
  if (api === "chat") return { ...vendor, paths: others };
  const path = known ?? beside.replace("/chat/completions", "/responses");
  return { ...vendor, paths: { "openai-responses": path, ...others } };
}

/** What people paste that belongs to a path rather than to the base. */
const pasted =
  /(?:\/chat\/completions|(?<=\/v1)\/(?:completions|embeddings|models|responses|messages)|(?<=\/v1beta)\/models)$/;

/** The same where nothing but completions is served: also below a base that has no version. */
const pastedCompletions = /\/completions$/;

/** The same of Ollama's own API. */
const pastedNative = /(?<=\/api)\/(?:chat|generate|embed|embeddings|tags|show)$/;

/**
 * The base URL that a vendor's paths are appended to, without a trailing slash, from the URL that a person gave.
 *
 * Forgiven, because it can mean only one thing:
 * - trailing slashes;
 * - a whole endpoint, such as `.../v1/chat/completions`;
 * - `/v1/v1` at the end;
 * - a missing `/v1`: no path at all (`http://gpu:8000` is `http://gpu:8000/v1`, where all such servers serve), or
 *   the vendor's own path but for its `/v1` (`https://api.groq.com/openai`);
 * - a site whose paths begin with `/api` themselves (Open WebUI, Ollama) given with `/api`, `/api/v1` or `/v1`;
 * - a base as the vendor's own SDKs want it, without the version that they add (Anthropic, Gemini).
 * Any other path is taken as it is: a proxy may serve the API anywhere. A query or fragment is dropped.
 *
 * Returns undefined when it is no http(s) URL, or holds credentials, which belong into the document's `credentials`.
 */
export function resolveBase(vendor: Vendor, url: string): string | undefined {
  const parsed = URL.parse(url.trim());
  if (parsed === null || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) return undefined;
  if (parsed.username !== "" || parsed.password !== "") return undefined;
  let path = withoutSlashes(withoutSlashes(parsed.pathname).replace(pasted, ""));
  if (vendor.paths["openai-completions"] !== undefined && vendor.paths["openai-chat"] === undefined)
    path = withoutSlashes(path.replace(pastedCompletions, ""));
  while (path.endsWith("/v1/v1")) path = path.slice(0, -"/v1".length);
  if (Object.values(vendor.paths).some((known) => typeof known === "string" && known.startsWith("/api/"))) {
    path = path.replace(pastedNative, "").replace(/(?:\/api)?(?:\/v1)?$/, "");
  } else if (vendor.versionSegment !== undefined) {
    // Google serves OpenAI's protocol there; who says this type means Google's own.
    path = path.replace(/(?<=\/v1beta)\/openai$/, "");
    if (!/\/v\d+[a-z]*$/.test(path)) path += vendor.versionSegment;
  } else {
    const home = homePath(vendor);
    if (path === "" || `${path}/v1` === home) path = home;
  }
  return `${parsed.origin}${path}`;
}

/** Where the API lives below an origin: as at the vendor itself, else `/v1`. */
function homePath(vendor: Vendor): string {
  return vendor.baseUrl === undefined ? "/v1" : withoutSlashes(new URL(vendor.baseUrl).pathname);
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 0 && path[end - 1] === "/") end -= 1;
  return path.slice(0, end);
}
