/** What a request asks for: text of a model, or vectors. */
export type Operation = "generate" | "embed";

/**
 * Every wire format with its request, response, stream and error shapes, and what its requests ask for. Formats of one
 * vendor that differ in shape are protocols of their own, as OpenAI's chat and embeddings are (decision 0011). The list
 * is closed on purpose: adding a protocol is adding a codec.
 */
export const operations = {
  "openai-chat": "generate",
  "openai-responses": "generate",
  "openai-completions": "generate",
  "openai-embeddings": "embed",
  "anthropic-messages": "generate",
  gemini: "generate",
  "gemini-embeddings": "embed",
  /** `/api/chat`. */
  ollama: "generate",
  /** `/api/generate`. */
  "ollama-generate": "generate",
  "ollama-embeddings": "embed",
} as const satisfies { readonly [protocol: string]: Operation };

export type Protocol = keyof typeof operations;

export const everyProtocol = Object.keys(operations) as readonly Protocol[];
