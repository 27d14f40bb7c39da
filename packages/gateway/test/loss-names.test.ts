import assert from "node:assert/strict";
import { test } from "node:test";
import { codecs } from "../src/app/codecs.ts";
import type { Dialect } from "../src/kernel/codec.ts";
import type { AnswerEvent } from "../src/kernel/event.ts";
import type { Loss } from "../src/kernel/loss.ts";
import type { GenerationRequest, Part } from "../src/kernel/request.ts";
import { generating } from "./support/pipeline.ts";
import type { Generating } from "./support/pipeline.ts";

const dialect: Dialect = { streamUsage: true, developerRole: false, reasoningBack: "never" };
/** Of a protocol that nobody here writes: lost everywhere. */
const keep = { "openai-embeddings": { type: "strange" } };
const foreign: Part = { type: "opaque", keep };

const answer: readonly AnswerEvent[] = [
  { type: "start" },
  { type: "part-start", candidate: 0, part: 0, head: { type: "opaque" } },
  { type: "part-end", candidate: 0, part: 0, keep },
  { type: "finish", candidate: 0, reason: { unified: "stop", raw: "stop" } },
];

/** Says something of everything, and nothing that is kept of another protocol. */
const request: GenerationRequest = {
  operation: "generate",
  model: "m",
  messages: [
    { role: "user", name: "Ann", parts: [{ type: "text", text: "Look." }, foreign] },
    {
      role: "assistant",
      parts: [
        { type: "reasoning", text: "Hm." },
        { type: "text", text: "I look." },
        { type: "refusal", text: "Not there." },
        { type: "tool-call", id: "call_1", name: "look", arguments: "[1]", tool: "function" },
        { type: "tool-call", id: "call_2", name: "look", arguments: "{}", tool: "function" },
        foreign,
      ],
    },
    {
      role: "tool",
      parts: [
        { type: "tool-result", id: "call_1", content: [{ type: "text", text: "A" }, foreign], isError: true },
        { type: "tool-result", id: "call_2", content: [{ type: "text", text: "B" }, foreign] },
      ],
    },
    {
      role: "user",
      parts: [
        { type: "text", text: "And?" },
        { type: "audio", source: { kind: "url", url: "https://example.com/a.wav" } },
        { type: "file", source: { kind: "reference", id: "file_1" } },
        foreign,
      ],
    },
  ],
  tools: [{ tool: "function", name: "look", strict: true, parameters: { type: "string" } }],
  toolChoice: { type: "tool", tool: "function", name: "look" },
  parallelToolCalls: false,
  maxOutputTokens: 1,
  candidates: 2,
  sampling: {
    temperature: 2,
    topP: 0.5,
    topK: 3,
    minP: 0.1,
    frequencyPenalty: 1,
    presencePenalty: 1,
    seed: 1,
    stop: ["a", "b", "c", "d", "e", "f", " "],
    logprobs: true,
    topLogprobs: 20,
  },
  reasoning: { effort: "ultra", budgetTokens: 5, show: true },
  output: { type: "json-schema", name: "n", description: "d", schema: { type: "string", minLength: 3 } },
  verbosity: "low",
  user: "u",
  stream: true,
};

/** What stands at a path such as `messages[2].parts[0].image`: the part itself, if it is one. */
function at(path: string): unknown {
  const steps = path.replaceAll(/\[(\d+)\]/g, ".$1").split(".");
  return steps.reduce<unknown>((value, step) => {
    if (typeof value !== "object" || value === null) return undefined;
    return Reflect.get(value, "type") === step || (value === foreign && step === "strange")
      ? value
      : Reflect.get(value, step);
  }, request);
}

const everyForeign = [
  "messages[0].parts[1].strange",
  "messages[1].parts[5].strange",
  "messages[2].parts[0].tool-result.content[1].strange",
  "messages[2].parts[1].tool-result.content[1].strange",
  "messages[3].parts[3].strange",
];

/** A completion has no tools: the results are lost whole. */
const foreignIn: { readonly [P in Generating]?: readonly string[] } = {
  "openai-completions": everyForeign.filter((path) => !path.includes("content")),
};

for (const protocol of generating) {
  const codec = codecs.get(protocol) ?? assert.fail();
  const fields = codec.egress.writeRequest(request, dialect).losses.map(({ field }) => field);

  test(`what a writer loses is named by its path in the canonical request: ${protocol}`, () => {
    assert.deepEqual(
      fields.filter((field) => at(field) === undefined),
      [],
    );
    assert.deepEqual(
      fields.filter((field) => at(field) === foreign),
      foreignIn[protocol] ?? everyForeign,
    );
  });

  test(`nothing is named twice: ${protocol}`, () => {
    assert.deepEqual(
      fields.filter((field, place) => fields.indexOf(field) !== place),
      [],
    );
  });
}

for (const protocol of generating) {
  const { ingress } = codecs.get(protocol) ?? assert.fail();

  test(`what an answer holds that the client has no word for is named by its own, streamed and whole: ${protocol}`, () => {
    const streamed: string[] = [];
    const whole: string[] = [];
    const context = (lost: string[]) => ({
      id: "x",
      created: 1,
      model: "m",
      request: {},
      lost: ({ field }: Loss) => void lost.push(field),
    });
    const encoder = ingress.streamEncoder(context(streamed));
    for (const event of answer) encoder.push(event);
    encoder.end();
    ingress.writeAnswer(answer, context(whole));
    assert.deepEqual({ streamed, whole }, { streamed: ["strange"], whole: ["strange"] });
  });
}
