import { GoogleGenAI } from "@google/genai";
import type { Content, GenerateContentConfig, GenerateContentResponse, Part } from "@google/genai";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard } from "./client.ts";

/** The official SDK on Gemini's paths. */
export const google: Client = {
  name: "@google/genai",
  limits: {},
  statusOf: statusField,
  async converse({ url, model }, wish, run) {
    const client = new GoogleGenAI({ apiKey: "dummy", httpOptions: { baseUrl: url } });
    const contents: Content[] = [
      {
        role: "user",
        parts: [
          { text: wish.prompt },
          ...(wish.image === undefined ? [] : [{ inlineData: { mimeType: "image/png", data: wish.image } }]),
        ],
      },
    ];
    const config: GenerateContentConfig = {
      ...(wish.system !== undefined && { systemInstruction: wish.system }),
      ...(wish.tools && {
        tools: [
          {
            functionDeclarations: wish.tools.map(({ name, description, schema }) => ({
              name,
              description,
              parametersJsonSchema: schema,
            })),
          },
        ],
      }),
      ...(wish.schema && { responseMimeType: "application/json", responseJsonSchema: wish.schema }),
      ...(wish.reasoning && { thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } }),
      ...(wish.signal && { abortSignal: wish.signal }),
    };
    const heard: Heard[] = [];
    for (let turn = 0; turn < mostTurns; turn++) {
      const answers: GenerateContentResponse[] = [];
      if (wish.stream) {
        for await (const chunk of await client.models.generateContentStream({ model, contents, config })) {
          answers.push(chunk);
        }
      } else answers.push(await client.models.generateContent({ model, contents, config }));
      const parts: Part[] = answers.flatMap((answer) => answer.candidates?.[0]?.content?.parts ?? []);
      const finish = answers.findLast((answer) => answer.candidates?.[0]?.finishReason !== undefined);
      // The SDK takes a stream without an end for a whole one; a program that cares looks at the finish reason.
      if (finish === undefined) throw new Error("The answer has no finish reason.");
      const calls = parts.flatMap(({ functionCall }) =>
        functionCall === undefined
          ? []
          : [{ id: functionCall.id ?? "", name: functionCall.name ?? "", arguments: functionCall.args ?? {} }],
      );
      const usage = answers.findLast((answer) => answer.usageMetadata !== undefined)?.usageMetadata;
      const output = usage?.candidatesTokenCount;
      heard.push({
        text: parts.map((part) => (part.thought === true ? "" : (part.text ?? ""))).join(""),
        reasoning: parts.map((part) => (part.thought === true ? (part.text ?? "") : "")).join(""),
        calls,
        input: usage?.promptTokenCount,
        output: output === undefined ? undefined : output + (usage?.thoughtsTokenCount ?? 0),
        pieces: parts.filter((part) => part.thought !== true && (part.text ?? "") !== "").length,
      });
      if (calls.length === 0) return heard;
      contents.push({ role: "model", parts });
      contents.push({
        role: "user",
        parts: calls.map((call) => ({
          functionResponse: {
            ...(call.id === "" ? {} : { id: call.id }),
            name: call.name,
            response: { result: run(call) },
          },
        })),
      });
    }
    return heard;
  },
};
