import type { Protocol } from "../../kernel/protocol.ts";

/** Prefixes under which clients look for OpenAI's API, `/v1` first; the others are what they get wrong or other gateways taught them. */
const prefixes = ["/v1", "", "/api/v1", "/api", "/openai/v1", "/v1/v1"];

function under(path: string, except: readonly string[] = []): readonly string[] {
  return prefixes.filter((prefix) => !except.includes(prefix)).map((prefix) => prefix + path);
}

/** Where each OpenAI protocol is served. `/api/embeddings` is Ollama's, and takes another body. */
export const openaiPaths: readonly { readonly protocol: Protocol; readonly paths: readonly string[] }[] = [
  { protocol: "openai-chat", paths: under("/chat/completions") },
  { protocol: "openai-completions", paths: under("/completions") },
  { protocol: "openai-embeddings", paths: under("/embeddings", ["/api"]) },
];

export const modelListPaths = under("/models");
export const modelPrefixes = under("/models/");
