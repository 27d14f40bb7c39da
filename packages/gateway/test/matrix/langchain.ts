import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import type { AIMessageChunk, BaseMessage } from "@langchain/core/messages";
import { ChatOllama } from "@langchain/ollama";
import { ChatOpenAI } from "@langchain/openai";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard, Place, Wish } from "./client.ts";

function countOf(usage: unknown, name: string): number | undefined {
  const count: unknown = typeof usage === "object" && usage !== null ? Reflect.get(usage, name) : undefined;
  return typeof count === "number" ? count : undefined;
}

/** A stream's chunks as one message. */
async function gather(stream: AsyncIterable<AIMessageChunk>): Promise<{ message: AIMessageChunk; pieces: number }> {
  const chunks: AIMessageChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const [first, ...rest] = chunks;
  if (first === undefined) throw new Error("no answer");
  return {
    message: rest.reduce((whole, chunk) => whole.concat(chunk), first),
    pieces: chunks.filter(({ text }) => text !== "").length,
  };
}

function langchain(
  name: string,
  limits: Client["limits"],
  open: (place: Place, wish: Wish) => ChatOpenAI | ChatOllama,
): Client {
  return {
    name,
    limits,
    statusOf: statusField,
    async converse(place, wish, run) {
      const chat = open(place, wish);
      const tools = wish.tools?.map(({ name: tool, description, schema }) => ({
        type: "function" as const,
        function: { name: tool, description, parameters: schema },
      }));
      const runnable = tools === undefined ? chat : chat.bindTools(tools);
      const messages: BaseMessage[] = [
        ...(wish.system === undefined ? [] : [new SystemMessage(wish.system)]),
        new HumanMessage({
          content:
            wish.image === undefined
              ? wish.prompt
              : [
                  { type: "text", text: wish.prompt },
                  { type: "image_url", image_url: { url: `data:image/png;base64,${wish.image}` } },
                ],
        }),
      ];
      const options = wish.signal === undefined ? {} : { signal: wish.signal };
      const heard: Heard[] = [];
      for (let turn = 0; turn < mostTurns; turn++) {
        const { message, pieces } = await (wish.stream
          ? gather(await runnable.stream(messages, options))
          : runnable.invoke(messages, options).then((whole) => ({ message: whole, pieces: 0 })));
        const calls = (message.tool_calls ?? []).map((call) => ({
          id: call.id ?? "",
          name: call.name,
          arguments: call.args as unknown,
        }));
        const usage: unknown = Reflect.get(message, "usage_metadata");
        heard.push({
          text: message.text,
          reasoning: String(message.additional_kwargs["reasoning_content"] ?? ""),
          calls,
          input: countOf(usage, "input_tokens"),
          output: countOf(usage, "output_tokens"),
          pieces,
        });
        if (calls.length === 0) return heard;
        messages.push(new AIMessage({ content: message.content, tool_calls: message.tool_calls ?? [] }));
        for (const call of calls) {
          messages.push(new ToolMessage({ content: run(call), tool_call_id: call.id, name: call.name }));
        }
      }
      return heard;
    },
  };
}

const hidden = "LangChain's OpenAI class has no place for reasoning that is shown.";

export const langchainOpenai = langchain("LangChain (OpenAI)", { reasoning: hidden }, ({ url, model }, wish) => {
  return new ChatOpenAI({
    model,
    apiKey: "dummy",
    maxRetries: 0,
    configuration: { baseURL: `${url}/v1` },
    ...(wish.schema && {
      modelKwargs: { response_format: { type: "json_schema", json_schema: { name: "answer", schema: wish.schema } } },
    }),
  });
});

const forgotten = "LangChain's Ollama class sends back neither reasoning nor the ids of calls.";

export const langchainOllama = langchain(
  "LangChain (Ollama)",
  { reasoning: forgotten, abort: "LangChain's Ollama class goes on reading when its signal says stop." },
  ({ url, model }, wish) => {
    return new ChatOllama({
      model,
      baseUrl: url,
      maxRetries: 0,
      ...(wish.reasoning && { think: true }),
      ...(wish.schema && { format: wish.schema as Record<string, unknown> }),
    });
  },
);
