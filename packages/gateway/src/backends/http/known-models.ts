import type { ModelFacts } from "../../routing/types.ts";

/*
 * Facts for vendors whose model list tells no more than names. Only what a source says is here; the rest is unknown.
 * Prices are the vendors' standard tiers in dollars per million tokens, looked up on 2026-11-21. From GPT-5.4 on, requests
 * with more than 272,000 input tokens cost twice the input and one and a half times the output price; that is not
 * modelled, so the cost of such a request is understated. A `price` in the document goes before these.
 */

interface Row {
  readonly context?: number;
  readonly output?: number;
  /** Input, cached input, output. */
  readonly price?: readonly [input: number, cached: number | undefined, output: number];
  readonly cacheWrite?: number;
  readonly sees?: boolean;
  readonly reasons?: boolean;
}

function chat({ context, output, price, cacheWrite, sees = true, reasons = false }: Row): ModelFacts {
  return {
    ...(context !== undefined && { contextWindow: context }),
    ...(output !== undefined && { maxOutputTokens: output }),
    inputModalities: sees ? ["text", "image"] : ["text"],
    outputModalities: ["text"],
    tools: true,
    reasoning: reasons,
    embeddings: false,
    ...(price !== undefined && {
      price: {
        input: price[0],
        ...(price[1] !== undefined && { cacheRead: price[1] }),
        output: price[2],
        ...(cacheWrite !== undefined && { cacheWrite }),
      },
    }),
  };
}

function embedding(input: number): ModelFacts {
  return {
    contextWindow: 8_192,
    inputModalities: ["text"],
    tools: false,
    reasoning: false,
    embeddings: true,
    price: { input },
  };
}

/** What legacy completions have no field for, whatever the model. */
export const textOnly: ModelFacts = { inputModalities: ["text"], tools: false, jsonSchema: false };

/** A model that completes text and has no other protocol. */
function completion(row: Row): ModelFacts {
  return { ...chat(row), ...textOnly };
}

/** A million-token reasoning model of the GPT-5.4 generation or later. */
const large: Row = { context: 1_050_000, output: 128_000, reasons: true };
const medium: Row = { context: 400_000, output: 128_000, reasons: true };
const omni: Row = { context: 128_000, output: 16_384 };
const million: Row = { context: 1_047_576, output: 32_768 };
const series: Row = { context: 200_000, output: 100_000, reasons: true };

const openai: ReadonlyMap<string, ModelFacts> = new Map<string, ModelFacts>([
  // GPT-6: vercel.com/ai-gateway/models (context, output); docs.litellm.ai/blog/gpt_6_sol_luna; prices with cache
  // reads and writes: github.com/TheKrush/PromptFuel releases v1.0.19 (2026-09-07), v1.0.21 (09-23), v1.0.24 (10-27).
  ["gpt-6-astra", chat({ ...large, price: [10, 1, 50], cacheWrite: 12.5 })],
  ["gpt-6-sol", chat({ ...large, price: [2, 0.2, 10], cacheWrite: 2.5 })],
  ["gpt-6-luna", chat({ ...large, price: [0.1, 0.01, 0.5], cacheWrite: 0.125 })],
  ["gpt-6.1-terra", chat({ reasons: true, price: [1, 0.05, 5], cacheWrite: 1.25 })],
  // GPT-5.6: developers.openai.com/api/docs/models/gpt-5.6-luna and -terra, whose tables also name Sol's input price;
  // cache writes are "1.25x the uncached input token rate". Sol: vercel/ai-gateway and apiyi.com's list.
  ["gpt-5.6-sol", chat({ ...large, price: [4, 0.4, 20], cacheWrite: 5 })],
  ["gpt-5.6-terra", chat({ ...large, price: [2, 0.2, 12], cacheWrite: 2.5 })],
  ["gpt-5.6-luna", chat({ ...large, price: [0.2, 0.02, 1.2], cacheWrite: 0.25 })],
  // GPT-5.5: benchr.org/articles/gpt-5-5-pricing-explained; docs.oxen.ai (context, output).
  ["gpt-5.5", chat({ ...large, price: [5, 0.5, 30] })],
  // GPT-5.4: developers.openai.com/api/docs/models/gpt-5.4-nano; openrouter.ai, docs.venice.ai for the larger ones.
  ["gpt-5.4", chat({ ...large, price: [2.5, 0.25, 15] })],
  ["gpt-5.4-mini", chat({ ...medium, price: [0.75, 0.075, 4.5] })],
  ["gpt-5.4-nano", chat({ ...medium, price: [0.2, 0.02, 1.25] })],
  // GPT-5: developers.openai.com/api/docs/models/gpt-5-nano; aipromptshub.co/model/gpt-5 (verified 2026-06-20);
  // ai-tldr.dev/models/gpt-5-mini.
  ["gpt-5", chat({ ...medium, price: [1.25, 0.125, 10] })],
  ["gpt-5-mini", chat({ ...medium, price: [0.25, 0.025, 2] })],
  ["gpt-5-nano", chat({ ...medium, price: [0.05, 0.005, 0.4] })],
  // GPT-4.1: developers.openai.com/api/docs/models/gpt-4.1-nano; deploybase.ai/articles/gpt-4.1-pricing (2026-03);
  // cached input of the larger ones: whichllm.io, LiteLLM's table.
  ["gpt-4.1", chat({ ...million, price: [2, 0.5, 8] })],
  ["gpt-4.1-mini", chat({ ...million, price: [0.4, 0.1, 1.6] })],
  ["gpt-4.1-nano", chat({ ...million, price: [0.1, 0.025, 0.4] })],
  // GPT-4o: models.wingman.actor/models/openai/gpt-4o; vercel.com/ai-gateway/models/gpt-4o-mini; docs.rs/openai-models.
  ["gpt-4o", chat({ ...omni, price: [2.5, 1.25, 10] })],
  ["gpt-4o-mini", chat({ ...omni, price: [0.15, 0.075, 0.6] })],
  // The first snapshot had another price and a smaller output, for which there is no source here.
  ["gpt-4o-2024-05-13", chat({ context: 128_000 })],
  // GPT-4: developers.openai.com/api/docs/models/gpt-4. No cached input is sold, so that it costs as much as any.
  ["gpt-4", chat({ context: 8_192, output: 8_192, price: [30, 30, 60], sees: false })],
  ["gpt-4-0613", chat({ context: 8_192, output: 8_192, price: [30, 30, 60], sees: false })],
  // o-series: modelpedia.dev/openai (read from OpenAI, 2026-03-21); helicone.ai/model/o4-mini.
  ["o3", chat({ ...series, price: [2, 0.5, 8] })],
  ["o3-mini", chat({ ...series, price: [1.1, 0.55, 4.4], sees: false })],
  ["o4-mini", chat({ ...series, price: [1.1, 0.275, 4.4] })],
  // Completions: cloudprice.net/models/babbage-002 (also davinci-002); modeldatabase.com (4K tokens).
  ["gpt-3.5-turbo-instruct", completion({ context: 4_096 })],
  ["davinci-002", completion({ context: 16_384, output: 4_096, price: [2, undefined, 2] })],
  ["babbage-002", completion({ context: 16_384, output: 4_096, price: [0.4, undefined, 0.4] })],
  // Embeddings: developers.openai.com/api/docs/models/text-embedding-3-large; openrouter.ai (8,192 tokens);
  // docs.praison.ai for ada-002.
  ["text-embedding-3-large", embedding(0.13)],
  ["text-embedding-3-small", embedding(0.02)],
  ["text-embedding-ada-002", embedding(0.1)],
]);

/** A million-token model of the Claude 5 generation. */
const claude5: Row = { context: 1_000_000, output: 128_000, reasons: true };

/** Reading from the cache costs a tenth of plain input, writing for five minutes one and a quarter of it (Claude Opus 5's page). */
function claude(row: Row, input: number, output: number): ModelFacts {
  return chat({ ...row, price: [input, input / 10, output], cacheWrite: input * 1.25 });
}

// platform.claude.com/docs, about-claude/models/whats-new-opus-5 and models/*/overview, read in November 2026. Haiku's
// price begins at 0.10 / 0.50 and depends on what is not modelled, so that it is unknown.
const anthropic: ReadonlyMap<string, ModelFacts> = new Map<string, ModelFacts>([
  ["claude-fable-5-1", claude(claude5, 10, 50)],
  ["claude-opus-5-5", claude(claude5, 4, 20)],
  ["claude-opus-5", claude(claude5, 5, 25)],
  ["claude-sonnet-5-5", claude(claude5, 2, 10)],
  ["claude-sonnet-5", claude(claude5, 2, 10)],
  ["claude-haiku-5-5", chat(claude5)],
  ["claude-sonnet-4-5", claude({ context: 200_000, output: 64_000, reasons: true }, 3, 15)],
]);

/** A Gemini model that thinks; its limits are in Google's own list, and here for those that a source names. */
const thinking: Row = { context: 1_048_576, output: 65_536, reasons: true };

// morphllm.com/gemini-api-pricing (read from ai.google.dev); cached input of 2.5: deploybase.ai, "90% discount". Longer
// prompts than 200,000 tokens cost more on the Pro models; that is not modelled.
const gemini: ReadonlyMap<string, ModelFacts> = new Map<string, ModelFacts>([
  ["gemini-3.5-flash", chat({ reasons: true, price: [1.5, undefined, 9] })],
  ["gemini-3.1-pro-preview", chat({ reasons: true, price: [2, undefined, 12] })],
  ["gemini-3.1-flash-lite", chat({ reasons: true, price: [0.25, undefined, 1.5] })],
  ["gemini-2.5-pro", chat({ ...thinking, price: [1.25, 0.125, 10] })],
  ["gemini-2.5-flash", chat({ ...thinking, price: [0.3, 0.03, 2.5] })],
  ["gemini-2.5-flash-lite", chat({ ...thinking, price: [0.1, 0.01, 0.4] })],
]);

const tables: ReadonlyMap<string, ReadonlyMap<string, ModelFacts>> = new Map([
  ["openai", openai],
  ["anthropic", anthropic],
  ["gemini", gemini],
]);

/** `-2024-08-06`, as OpenAI dates its snapshots, or `-20250929`, as Anthropic does. */
const snapshotDate = /-20\d\d(-?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])$/;

/**
 * What our own table says of a vendor's model, or undefined. A dated snapshot has the facts of its family, unless the
 * table knows that very snapshot. Other vendors' models of the same name are not looked up: their prices differ.
 */
export function knownFacts(vendorType: string, modelId: string): ModelFacts | undefined {
  const table = tables.get(vendorType);
  return table?.get(modelId) ?? table?.get(modelId.replace(snapshotDate, ""));
}
