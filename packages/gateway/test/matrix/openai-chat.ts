import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard } from "./client.ts";

/** The official SDK on `/v1/chat/completions`. */
export const openaiChat: Client = {
  name: "openai (chat)",
  limits: {},
  statusOf: statusField,
  async converse({ url, model }, wish, run) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "dummy", maxRetries: 0 });
    const content =
      wish.image === undefined
        ? wish.prompt
        : [
            { type: "text" as const, text: wish.prompt },
            { type: "image_url" as const, image_url: { url: `data:image/png;base64,${wish.image}` } },
          ];
    const messages: ChatCompletionMessageParam[] = [
      ...(wish.system === undefined ? [] : [{ role: "system" as const, content: wish.system }]),
      { role: "user", content },
    ];
    const heard: Heard[] = [];
    for (let turn = 0; turn < mostTurns; turn++) {
      const body = {
        model,
        messages,
        ...(wish.tools && {
          tools: wish.tools.map(({ name, description, schema }) => ({
            type: "function" as const,
            function: { name, description, parameters: schema },
          })),
        }),
        ...(wish.schema && {
          response_format: { type: "json_schema" as const, json_schema: { name: "answer", schema: wish.schema } },
        }),
        ...(wish.reasoning && { reasoning_effort: "low" as const }),
      };
      const options = wish.signal === undefined ? {} : { signal: wish.signal };
      let pieces = 0;
      let reasoning = "";
      let completion;
      if (wish.stream) {
        const runner = client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }, options);
        runner.on("content", () => pieces++);
        // The helper keeps only the last piece of a field that it does not know.
        runner.on("chunk", (chunk) => {
          reasoning += String(Reflect.get(chunk.choices[0]?.delta ?? {}, "reasoning_content") ?? "");
        });
        completion = await runner.finalChatCompletion();
      } else completion = await client.chat.completions.create(body, options);
      const message = completion.choices[0]?.message;
      if (message === undefined) throw new Error("no choice");
      const calls = (message.tool_calls ?? []).flatMap((call) =>
        call.type === "function"
          ? [{ id: call.id, name: call.function.name, arguments: JSON.parse(call.function.arguments) as unknown }]
          : [],
      );
      heard.push({
        text: message.content ?? "",
        reasoning: wish.stream ? reasoning : String(Reflect.get(message, "reasoning_content") ?? ""),
        calls,
        input: completion.usage?.prompt_tokens,
        output: completion.usage?.completion_tokens,
        pieces,
      });
      if (calls.length === 0) return heard;
      messages.push(message);
      for (const call of calls) messages.push({ role: "tool", tool_call_id: call.id, content: run(call) });
    }
    return heard;
  },
};
