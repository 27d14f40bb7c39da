import type { Protocol } from "../../kernel/protocol.ts";

/** Where a field stands in a request: its name, or the name of an object and the name within. */
export type FieldPlace = readonly [field: string, inner?: string];

/** Chat's words; `undefined` where a protocol has no place for one. */
export type FieldPlaces = { readonly [word: string]: FieldPlace | undefined };

const none = undefined;

/** What only chat and its kin say so. */
const chatOnly = {
  n: none,
  logit_bias: none,
  logprobs: none,
  parallel_tool_calls: none,
  reasoning_effort: none,
  response_format: none,
  user: none,
  verbosity: none,
} as const satisfies FieldPlaces;

const ollama: FieldPlaces = {
  ...chatOnly,
  max_tokens: ["options", "num_predict"],
  max_completion_tokens: ["options", "num_predict"],
  temperature: ["options", "temperature"],
  top_p: ["options", "top_p"],
  top_k: ["options", "top_k"],
  min_p: ["options", "min_p"],
  frequency_penalty: ["options", "frequency_penalty"],
  presence_penalty: ["options", "presence_penalty"],
  seed: ["options", "seed"],
  stop: ["options", "stop"],
};

/**
 * Where chat's words for sampling, limits and effort stand in the other protocols, so that what an operator sets in the
 * words that everybody knows means the same for every client. Words that are not listed stand where they say.
 */
export const defaultPlaces: { readonly [P in Protocol]?: FieldPlaces } = {
  "openai-responses": {
    ...chatOnly,
    max_tokens: ["max_output_tokens"],
    max_completion_tokens: ["max_output_tokens"],
    reasoning_effort: ["reasoning", "effort"],
    verbosity: ["text", "verbosity"],
    parallel_tool_calls: ["parallel_tool_calls"],
    user: ["user"],
    frequency_penalty: none,
    presence_penalty: none,
    min_p: none,
    top_k: none,
    seed: none,
    stop: none,
  },
  // Its `logprobs` is a number, where chat's is yes or no.
  "openai-completions": {
    ...chatOnly,
    max_completion_tokens: ["max_tokens"],
    n: ["n"],
    logit_bias: ["logit_bias"],
    user: ["user"],
    top_logprobs: none,
  },
  "anthropic-messages": {
    ...chatOnly,
    max_completion_tokens: ["max_tokens"],
    stop: ["stop_sequences"],
    frequency_penalty: none,
    presence_penalty: none,
    min_p: none,
    seed: none,
  },
  gemini: {
    ...chatOnly,
    max_tokens: ["generationConfig", "maxOutputTokens"],
    max_completion_tokens: ["generationConfig", "maxOutputTokens"],
    temperature: ["generationConfig", "temperature"],
    top_p: ["generationConfig", "topP"],
    top_k: ["generationConfig", "topK"],
    frequency_penalty: ["generationConfig", "frequencyPenalty"],
    presence_penalty: ["generationConfig", "presencePenalty"],
    seed: ["generationConfig", "seed"],
    stop: ["generationConfig", "stopSequences"],
    n: ["generationConfig", "candidateCount"],
    min_p: none,
  },
  ollama,
  "ollama-generate": ollama,
};
