import type { Protocol } from "../../kernel/protocol.ts";

/*
 * Where each surface is served: the first of each list is the place that its vendor documents, the others are what
 * clients get wrong or what other gateways have taught them.
 */

/** Prefixes under which clients look for OpenAI's API. */
const openai = ["/v1", "", "/api/v1", "/api", "/openai/v1", "/v1/v1"];

/** Anthropic's SDKs add `/v1` to their base, Cline adds nothing. */
const anthropic = ["/v1", "", "/anthropic/v1", "/anthropic", "/v1/v1", "/api/v1"];

/** The second is what people get who give a client of Ollama's a base with `/v1`. */
const ollama = ["/api", "/v1/api"];

/** Newer Google SDKs call `/v1`. */
const gemini = ["/v1beta", "/v1", "/v1alpha"];

function under(prefixes: readonly string[], path: string, except: readonly string[] = []): readonly string[] {
  return prefixes.filter((prefix) => !except.includes(prefix)).map((prefix) => prefix + path);
}

/** Every `POST` of a protocol whose requests name their model in the body. */
export const bodyPaths: readonly { readonly protocol: Protocol; readonly paths: readonly string[] }[] = [
  { protocol: "openai-chat", paths: under(openai, "/chat/completions") },
  { protocol: "openai-responses", paths: under(openai, "/responses") },
  { protocol: "openai-completions", paths: under(openai, "/completions") },
  // `/api/embeddings` is Ollama's, and takes another body.
  { protocol: "openai-embeddings", paths: under(openai, "/embeddings", ["/api"]) },
  { protocol: "anthropic-messages", paths: under(anthropic, "/messages") },
  { protocol: "ollama", paths: under(ollama, "/chat") },
  { protocol: "ollama-generate", paths: under(ollama, "/generate") },
  { protocol: "ollama-embeddings", paths: [...under(ollama, "/embed"), ...under(ollama, "/embeddings")] },
];

/** What may stand behind a model's name in a path of Gemini's. */
export type GeminiAction =
  | "generateContent"
  | "streamGenerateContent"
  | "countTokens"
  | "embedContent"
  | "batchEmbedContents";

/** What begins the path of one of Gemini's models. */
export const geminiModels = [
  ...under(gemini, "/models/"),
  // The AI SDK leaves `models/` out of names that hold a slash, as Google's tuned models do.
  "/v1beta/",
];

/** Anthropic's token counter. */
export const anthropicCounting = under(anthropic, "/messages/count_tokens");

/** Model lists, in the shape that the path or, where surfaces share it, the headers tell. */
export const modelLists = [...under(openai, "/models"), "/v1beta/models", "/v1alpha/models", "/anthropic/v1/models"];

/** What begins the path of one model. */
export const modelPrefixes = modelLists.map((path) => `${path}/`);

/** What Ollama serves besides its protocols. */
export const ollamaPaths = {
  version: under(ollama, "/version"),
  tags: under(ollama, "/tags"),
  ps: under(ollama, "/ps"),
  show: under(ollama, "/show"),
  pull: under(ollama, "/pull"),
  push: under(ollama, "/push"),
  create: under(ollama, "/create"),
  copy: under(ollama, "/copy"),
  delete: under(ollama, "/delete"),
  blobs: under(ollama, "/blobs/"),
} as const;

/** Claude Code asks whether anybody is there. */
export const helloPaths = ["/api/hello", "/anthropic/api/hello"];
