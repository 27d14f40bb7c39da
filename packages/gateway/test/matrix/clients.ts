import { aiSdk } from "./ai-sdk.ts";
import { anthropic } from "./anthropic.ts";
import type { Client } from "./client.ts";
import { google } from "./google.ts";
import { langchainOllama, langchainOpenai } from "./langchain.ts";
import { ollama } from "./ollama.ts";
import { openaiChat } from "./openai-chat.ts";
import { openaiResponses } from "./openai-responses.ts";

export const clients: readonly Client[] = [
  openaiChat,
  openaiResponses,
  anthropic,
  google,
  ollama,
  langchainOpenai,
  langchainOllama,
  ...aiSdk,
];
