import { anthropicMessages } from "../codecs/anthropic-messages/index.ts";
import { gemini, geminiEmbeddings } from "../codecs/gemini/index.ts";
import { ollama, ollamaEmbeddings, ollamaGenerate } from "../codecs/ollama/index.ts";
import { chatReading } from "../codecs/openai-chat/responses-body.ts";
import { openaiCompletions } from "../codecs/openai-completions/index.ts";
import { openaiResponses } from "../codecs/openai-responses/index.ts";
import { openaiEmbeddings } from "../codecs/openai-embeddings/index.ts";
import type { Codec } from "../kernel/codec.ts";
import type { Protocol } from "../kernel/protocol.ts";

const all: readonly Codec[] = [
  chatReading(openaiResponses.ingress),
  openaiResponses,
  openaiCompletions,
  openaiEmbeddings,
  anthropicMessages,
  gemini,
  geminiEmbeddings,
  ollama,
  ollamaGenerate,
  ollamaEmbeddings,
];

/** Every protocol that the gateway speaks. */
export const codecs: ReadonlyMap<Protocol, Codec> = new Map<Protocol, Codec>(
  all.map((codec) => [codec.protocol, codec]),
);
