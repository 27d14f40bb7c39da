import type { Accepts } from "../../kernel/codec.ts";

/** What OpenAI's own API takes (openai-openapi, FunctionObject: letters, digits, `_` and `-`, up to 64). */
export const openaiAccepts: Accepts = {
  toolName: { character: /[a-zA-Z0-9_-]/, longest: 64 },
  callId: { character: /[a-zA-Z0-9_-]/, longest: 64 },
  customTools: true,
  candidates: true,
  prefill: true,
  imageUrls: true,
};

/** Client headers that mean something to OpenAI. */
export const openaiHeaders: readonly string[] = ["openai-beta"];
