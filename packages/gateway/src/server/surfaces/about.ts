import type { Protocol } from "../../kernel/protocol.ts";
import type { RouteAbout } from "../router.ts";
import type { Surface } from "../shapes.ts";

const stream = "text/event-stream";
const lines = "application/x-ndjson";

/** What the routes of each protocol say of themselves. */
const told: { readonly [P in Protocol]: readonly [surface: Surface, summary: string, streamed?: string] } = {
  "openai-chat": ["openai", "Chat completions", stream],
  "openai-responses": ["openai", "Responses", stream],
  "openai-completions": ["openai", "Text completions", stream],
  "openai-embeddings": ["openai", "Embeddings"],
  "anthropic-messages": ["anthropic", "Messages", stream],
  gemini: ["gemini", "Generate content", stream],
  "gemini-embeddings": ["gemini", "Embed content"],
  ollama: ["ollama", "Chat with a model", lines],
  "ollama-generate": ["ollama", "Generate a completion", lines],
  "ollama-embeddings": ["ollama", "Embeddings"],
};

/** What `/openapi.json` says of a route of a protocol. */
export function aboutProtocol(protocol: Protocol): RouteAbout {
  const [surface, summary, streamed] = told[protocol];
  const whole = "application/json";
  return { surface, summary, body: "json", answers: streamed === undefined ? [whole] : [whole, streamed] };
}
