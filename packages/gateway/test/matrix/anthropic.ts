import Anthropic from "@anthropic-ai/sdk";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard } from "./client.ts";

/** The official SDK on `/v1/messages`. */
export const anthropic: Client = {
  name: "@anthropic-ai/sdk",
  limits: {},
  statusOf: statusField,
  async converse({ url, model }, wish, run) {
    const client = new Anthropic({ baseURL: url, apiKey: "dummy", maxRetries: 0 });
    const messages: Anthropic.MessageParam[] = [
      {
        role: "user",
        content: [
          ...(wish.image === undefined
            ? []
            : [
                {
                  type: "image" as const,
                  source: { type: "base64" as const, media_type: "image/png" as const, data: wish.image },
                },
              ]),
          { type: "text", text: wish.prompt },
        ],
      },
    ];
    const heard: Heard[] = [];
    for (let turn = 0; turn < mostTurns; turn++) {
      const body = {
        model,
        messages,
        max_tokens: 8192,
        ...(wish.system !== undefined && { system: wish.system }),
        ...(wish.tools && {
          tools: wish.tools.map(({ name, description, schema }) => ({
            name,
            description,
            input_schema: schema as unknown as Anthropic.Tool.InputSchema,
          })),
        }),
        ...(wish.schema && {
          output_config: { format: { type: "json_schema" as const, schema: wish.schema as Record<string, unknown> } },
        }),
        ...(wish.reasoning && { thinking: { type: "enabled" as const, budget_tokens: 2048 } }),
      };
      const options = wish.signal === undefined ? {} : { signal: wish.signal };
      let pieces = 0;
      let message;
      if (wish.stream) {
        const runner = client.messages.stream(body, options);
        runner.on("text", () => pieces++);
        message = await runner.finalMessage();
      } else message = await client.messages.create(body, options);
      const calls = message.content.flatMap((block) =>
        block.type === "tool_use" ? [{ id: block.id, name: block.name, arguments: block.input }] : [],
      );
      const { usage } = message;
      heard.push({
        text: message.content.map((block) => (block.type === "text" ? block.text : "")).join(""),
        reasoning: message.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
        calls,
        input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
        output: usage.output_tokens,
        pieces,
      });
      if (calls.length === 0) return heard;
      messages.push({ role: "assistant", content: message.content });
      messages.push({
        role: "user",
        content: calls.map((call) => ({ type: "tool_result" as const, tool_use_id: call.id, content: run(call) })),
      });
    }
    return heard;
  },
};
