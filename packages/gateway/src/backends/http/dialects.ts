import type { Accepts, Dialect } from "../../kernel/codec.ts";

/**
 * What everybody but OpenAI itself takes: no tools with free text. The rule for calls' ids is each protocol's own: those
 * of Anthropic are strict, in chat everybody but OpenAI takes any characters (Kimi's are `functions.name:0`).
 */
export const lenient: Partial<Accepts> = { customTools: false };

/** Knows `stream_options.include_usage` and both fields for the token limit. */
export const usual: Dialect = { streamUsage: true, developerRole: false, accepts: lenient };

/** Knows only the older field for the token limit. */
export const older: Dialect = { ...usual, maxTokensField: "max_tokens" };

/** Serves open models by their own templates, many of which refuse a late `system` message (Qwen, Mistral, Gemma). */
export const open: Pick<Dialect, "lateSystem"> = { lateSystem: false };
