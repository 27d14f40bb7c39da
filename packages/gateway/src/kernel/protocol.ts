/**
 * A wire format with its request, response, stream and error shapes.
 * The list is closed on purpose: adding a protocol is adding a codec.
 */
export type Protocol =
  | "openai-chat"
  | "openai-responses"
  | "openai-completions"
  | "openai-embeddings"
  | "anthropic-messages"
  | "ollama"
  | "gemini";
