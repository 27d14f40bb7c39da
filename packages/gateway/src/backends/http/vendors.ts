import type { Dialect } from "../../kernel/codec.ts";
import type { Vendor } from "../../kernel/vendor.ts";
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
const modelsPath = "/models";

/** Knows `stream_options.include_usage` and both fields for the token limit. */
const usual: Dialect = { streamUsage: true, developerRole: false };
/** Knows only the older field for the token limit. */
const older: Dialect = { ...usual, maxTokensField: "max_tokens" };

const hosted: readonly Vendor[] = [
  {
    type: "openai",
    title: "OpenAI",
    baseUrl: "https://api.openai.com/v1",
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: ["OPENAI_API_KEY"],
    // No urlEnvironment: people set OPENAI_BASE_URL to point clients at a gateway, which may be this very one.
    // Reasoning models answer 400 to `max_tokens`; all models know the newer field (openai-openapi, 2026-08).
    dialect: { streamUsage: true, developerRole: true, maxTokensField: "max_completion_tokens" },
    modelPatterns: ["gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "text-embedding-*"],
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
    dialect: older,
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
    dialect: older,
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
    dialect: older,
  },
  {
    type: "openrouter",
    title: "OpenRouter",
    baseUrl: "https://openrouter.ai/api/v1",
    paths: { ...chat, ...completions, ...embeddings },
    modelsPath,
    auth: bearer,
    environment: ["OPENROUTER_API_KEY"],
    // SDK: a developer message; whether the model behind knows it is another question (pi sends `system`).
    dialect: usual,
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
    dialect: { streamUsage: true, developerRole: true },
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
    dialect: { streamUsage: false, developerRole: false, maxTokensField: "max_tokens" },
    modelPatterns: ["mistral-*", "ministral-*", "magistral-*", "codestral-*", "devstral-*", "pixtral-*", "open-mi*"],
  },
  {
    type: "deepseek",
    title: "DeepSeek",
    // Without /v1, which is an alias (api-docs.deepseek.com); the beta of text completions lives elsewhere.
    baseUrl: "https://api.deepseek.com",
    paths: chat,
    modelsPath,
    auth: bearer,
    environment: ["DEEPSEEK_API_KEY"],
    dialect: older,
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
    dialect: older,
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
    dialect: older,
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
    dialect: usual,
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

/** What people paste that belongs to a path rather than to the base. */
const pasted = /(?:\/chat\/completions|(?<=\/v1)\/(?:completions|embeddings|models))$/;

/**
 * The base URL that a vendor's paths are appended to, without a trailing slash, from the URL that a person gave.
 *
 * Forgiven, because it can mean only one thing:
 * - trailing slashes;
 * - a whole endpoint, such as `.../v1/chat/completions`;
 * - `/v1/v1` at the end;
 * - a missing `/v1`: no path at all (`http://gpu:8000` is `http://gpu:8000/v1`, where all such servers serve), or
 *   the vendor's own path but for its `/v1` (`https://api.groq.com/openai`);
 * - Open WebUI's site given with `/api`, `/api/v1` or `/v1`.
 * Any other path is taken as it is: a proxy may serve the API anywhere. A query or fragment is dropped.
 *
 * Returns undefined when it is no http(s) URL, or holds credentials, which belong into the document's `credentials`.
 */
export function resolveBase(vendor: Vendor, url: string): string | undefined {
  const parsed = URL.parse(url.trim());
  if (parsed === null || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) return undefined;
  if (parsed.username !== "" || parsed.password !== "") return undefined;
  let path = withoutSlashes(withoutSlashes(parsed.pathname).replace(pasted, ""));
  while (path.endsWith("/v1/v1")) path = path.slice(0, -"/v1".length);
  if (String(vendor.paths["openai-chat"]).startsWith("/api/")) {
    path = path.replace(/(?:\/api)?(?:\/v1)?$/, "");
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
