import OpenAI from "openai";
import type { ResponseInput } from "openai/resources/responses/responses";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard } from "./client.ts";

/** The official SDK on `/v1/responses`, stateless, as coding agents use it. */
export const openaiResponses: Client = {
  name: "openai (responses)",
  limits: {},
  statusOf: statusField,
  async converse({ url, model }, wish, run) {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "dummy", maxRetries: 0 });
    const input: ResponseInput = [
      {
        role: "user",
        content: [
          { type: "input_text", text: wish.prompt },
          ...(wish.image === undefined
            ? []
            : [
                {
                  type: "input_image" as const,
                  image_url: `data:image/png;base64,${wish.image}`,
                  detail: "auto" as const,
                },
              ]),
        ],
      },
    ];
    const heard: Heard[] = [];
    for (let turn = 0; turn < mostTurns; turn++) {
      const body = {
        model,
        input,
        store: false,
        include: ["reasoning.encrypted_content" as const],
        ...(wish.system !== undefined && { instructions: wish.system }),
        ...(wish.tools && {
          tools: wish.tools.map(({ name, description, schema }) => ({
            type: "function" as const,
            name,
            description,
            parameters: schema as Record<string, unknown>,
            strict: false,
          })),
        }),
        ...(wish.schema && {
          text: {
            format: { type: "json_schema" as const, name: "answer", schema: wish.schema as Record<string, unknown> },
          },
        }),
        ...(wish.reasoning && { reasoning: { effort: "low" as const, summary: "auto" as const } }),
      };
      const options = wish.signal === undefined ? {} : { signal: wish.signal };
      let pieces = 0;
      let response;
      if (wish.stream) {
        const runner = client.responses.stream(body, options);
        runner.on("response.output_text.delta", () => pieces++);
        response = await runner.finalResponse();
      } else response = await client.responses.create(body, options);
      if (response.status === "failed") throw new Error(response.error?.message ?? "failed");
      const calls = response.output.flatMap((item) =>
        item.type === "function_call"
          ? [{ id: item.call_id, name: item.name, arguments: JSON.parse(item.arguments) as unknown }]
          : [],
      );
      heard.push({
        text: response.output_text,
        reasoning: response.output
          .flatMap((item) => (item.type === "reasoning" ? item.summary.map(({ text }) => text) : []))
          .join(""),
        calls,
        input: response.usage?.input_tokens,
        output: response.usage?.output_tokens,
        pieces,
      });
      if (calls.length === 0) return heard;
      input.push(...(response.output as ResponseInput));
      for (const call of calls) input.push({ type: "function_call_output", call_id: call.id, output: run(call) });
    }
    return heard;
  },
};
