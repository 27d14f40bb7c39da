import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import type { LanguageModel, ToolSet } from "ai";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard, Place, Run, Wish } from "./client.ts";

interface Provider {
  readonly name: string;
  readonly limits: Client["limits"];
  open(place: Place): LanguageModel;
  /** What turns reasoning on. */
  readonly options: { readonly [provider: string]: { readonly [name: string]: string | boolean | object } };
}

function toolsOf(wish: Wish, run: Run): ToolSet | undefined {
  if (wish.tools === undefined) return undefined;
  return Object.fromEntries(
    wish.tools.map(({ name, description, schema }) => [
      name,
      tool({
        description,
        inputSchema: jsonSchema(schema as Parameters<typeof jsonSchema>[0]),
        execute: (input: unknown, { toolCallId }: { toolCallId: string }) =>
          run({ id: toolCallId, name, arguments: input }),
      }),
    ]),
  ) as ToolSet;
}

function client(provider: Provider): Client {
  return {
    name: `AI SDK (${provider.name})`,
    limits: provider.limits,
    statusOf: statusField,
    async converse(place, wish, run) {
      const tools = toolsOf(wish, run);
      const content = [
        { type: "text" as const, text: wish.prompt },
        ...(wish.image === undefined ? [] : [{ type: "file" as const, data: wish.image, mediaType: "image/png" }]),
      ];
      const settings = {
        model: provider.open(place),
        maxRetries: 0,
        stopWhen: stepCountIs(mostTurns),
        messages: [{ role: "user" as const, content }],
        ...(wish.system !== undefined && { instructions: wish.system }),
        ...(tools && { tools }),
        ...(wish.signal && { abortSignal: wish.signal }),
        ...(wish.schema && {
          output: Output.object({ schema: jsonSchema(wish.schema as Parameters<typeof jsonSchema>[0]) }),
        }),
        ...(wish.reasoning && { providerOptions: provider.options as never }),
      };
      let pieces = 0;
      let steps;
      if (wish.stream) {
        const failures: unknown[] = [];
        const result = streamText({ ...settings, onError: ({ error }) => void failures.push(error) });
        for await (const text of result.textStream) if (text !== "") pieces++;
        if (failures.length > 0) throw failures[0];
        steps = await result.steps;
      } else steps = (await generateText(settings)).steps;
      return steps.map((step): Heard => ({
        text: step.text,
        reasoning: step.reasoningText ?? "",
        calls: step.toolCalls.map((call) => ({ id: call.toolCallId, name: call.toolName, arguments: call.input })),
        input: step.usage.inputTokens,
        output: step.usage.outputTokens,
        pieces,
      }));
    },
  };
}

export const aiSdk: readonly Client[] = [
  client({
    name: "openai-compatible",
    limits: {},
    open: ({ url, model }) =>
      createOpenAICompatible({
        name: "patchbay",
        baseURL: `${url}/v1`,
        apiKey: "dummy",
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model),
    options: { patchbay: { reasoningEffort: "low" } },
  }),
  client({
    name: "openai responses",
    limits: {},
    open: ({ url, model }) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "dummy" }).responses(model),
    options: { openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true } },
  }),
  client({
    name: "anthropic",
    limits: {},
    open: ({ url, model }) => createAnthropic({ baseURL: `${url}/v1`, apiKey: "dummy" })(model),
    options: { anthropic: { thinking: { type: "enabled", budgetTokens: 2048 } } },
  }),
  client({
    name: "google",
    limits: {},
    open: ({ url, model }) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: "dummy" })(model),
    options: { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } } },
  }),
];
