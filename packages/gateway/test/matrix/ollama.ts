import { Ollama } from "ollama";
import type { ChatRequest, ChatResponse, Message, Tool } from "ollama";
import { mostTurns, statusField } from "./client.ts";
import type { Client, Heard } from "./client.ts";

/** The official SDK on `/api/chat`. */
export const ollama: Client = {
  name: "ollama",
  limits: {},
  statusOf: statusField,
  async converse({ url, model }, wish, run) {
    const { signal } = wish;
    const client = new Ollama({
      host: url,
      fetch: (input: string | URL | Request, init?: RequestInit) =>
        fetch(
          input,
          signal === undefined
            ? init
            : { ...init, signal: AbortSignal.any([signal, ...(init?.signal ? [init.signal] : [])]) },
        ),
    });
    const messages: Message[] = [
      ...(wish.system === undefined ? [] : [{ role: "system", content: wish.system }]),
      { role: "user", content: wish.prompt, ...(wish.image === undefined ? {} : { images: [wish.image] }) },
    ];
    const heard: Heard[] = [];
    for (let turn = 0; turn < mostTurns; turn++) {
      const request: ChatRequest = {
        model,
        messages,
        ...(wish.tools && {
          tools: wish.tools.map(
            ({ name, description, schema }) =>
              ({ type: "function", function: { name, description, parameters: schema } }) as unknown as Tool,
          ),
        }),
        ...(wish.schema && { format: wish.schema }),
        ...(wish.reasoning && { think: true }),
      };
      const answers: ChatResponse[] = [];
      if (wish.stream) {
        for await (const chunk of await client.chat({ ...request, stream: true })) answers.push(chunk);
      } else answers.push(await client.chat({ ...request, stream: false }));
      const last = answers.at(-1);
      if (last?.done !== true) throw new Error("The answer is not done.");
      const called = answers.flatMap(({ message }) => message.tool_calls ?? []);
      const calls = called.map(({ function: each }, index) => ({
        id: String(index),
        name: each.name,
        arguments: each.arguments,
      }));
      heard.push({
        text: answers.map(({ message }) => message.content).join(""),
        reasoning: answers.map(({ message }) => message.thinking ?? "").join(""),
        calls,
        input: last.prompt_eval_count,
        output: last.eval_count,
        pieces: answers.filter(({ message }) => message.content !== "").length,
      });
      if (calls.length === 0) return heard;
      const { text: content, reasoning: thinking } = heard.at(-1) ?? { text: "", reasoning: "" };
      messages.push({ role: "assistant", content, ...(thinking === "" ? {} : { thinking }), tool_calls: called });
      for (const call of calls) messages.push({ role: "tool", content: run(call), tool_name: call.name });
    }
    return heard;
  },
};
