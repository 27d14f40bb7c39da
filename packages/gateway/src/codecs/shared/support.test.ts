/** What the tests of the codecs share. It holds no test of its own; its name keeps it out of the build. */
import type { AnswerContext, Asked, Codec, Observation } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { GenerationRequest } from "../../kernel/request.ts";
import { mergeAll, vendorFields } from "./extra.ts";
import { foldAnswer } from "./fold.ts";
import { joinLogprobs } from "./openai-logprobs.ts";

export const context = (request: JsonObject = {}, lost: AnswerContext["lost"] = () => {}): AnswerContext => ({
  id: "request-1",
  created: 1_700_000_000,
  model: "asked",
  request,
  lost,
});

/** A request that came by another protocol. */
export const generation = (fields: Partial<GenerationRequest> = {}): GenerationRequest => ({
  operation: "generate",
  model: "m",
  messages: [{ role: "user", parts: [{ type: "text", text: "hi" }] }],
  tools: [],
  sampling: {},
  stream: false,
  ...fields,
});

/** All that a machine makes of these. */
export function run<In, Out>(machine: Machine<In, Out>, items: readonly In[]): readonly Out[] {
  return [...items.flatMap((item) => machine.push(item)), ...machine.end()];
}

/** Cuts a text at pseudo-random places. */
export function cut(whole: string, seed: number): string[] {
  const pieces: string[] = [];
  for (let at = 0, step = seed; at < whole.length;) {
    step = (step * 5 + 3) % 17;
    const size = 1 + (step % 4);
    pieces.push(whole.slice(at, at + size));
    at += size;
  }
  return pieces;
}

/** What a body says itself, as the listener reads it. */
export const asked = (body: JsonObject): Asked => ({
  model: typeof body["model"] === "string" ? body["model"] : "asked",
  stream: body["stream"] === true,
});

/** The events of a stream whose events have these data. */
export function decode(codec: Codec, data: readonly string[]): readonly AnswerEvent[] {
  const machine = codec.egress.streamDecoder({ id: "attempt-1" });
  return run(
    machine,
    data.map((each) => ({ event: "", data: each })),
  );
}

/** The events of an unstreamed answer. */
export function readAnswer(codec: Codec, body: JsonObject): readonly AnswerEvent[] {
  return codec.egress.readAnswer(body, { id: "attempt-1" });
}

export function encode(codec: Codec, events: readonly AnswerEvent[], request: JsonObject = {}): string {
  return run(codec.ingress.streamEncoder(context(request)), events).join("");
}

export function watch(
  codec: Codec,
  data: readonly string[],
  dropUsageEvent = false,
): { seen: Observation; verdicts: string[]; end: string } {
  const tap = codec.egress.tap({ dropUsageEvent });
  const verdicts = data.map((each) => tap.event({ event: "", data: each }));
  return { end: tap.end(), seen: tap.seen, verdicts };
}

/** The data of a stream's events. */
export function dataOf(stream: string): string[] {
  return stream
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => event.slice("data: ".length));
}

export function chunksOf(stream: string): JsonObject[] {
  return dataOf(stream)
    .filter((data) => data !== "[DONE]")
    .map((data): JsonObject => JSON.parse(data));
}

export function failureOf(events: readonly AnswerEvent[]) {
  const last = events.at(-1);
  return last?.type === "failure" ? last.failure : undefined;
}

/** What an answer means, however it was cut into events. */
export function meaning(events: readonly AnswerEvent[], codec: Codec): Json {
  const answer = foldAnswer(events);
  const place = (extras: typeof answer.extras, name: "answer" | "choice" | "usage" | "message") =>
    mergeAll(extras.map((extra) => vendorFields(extra, codec.protocol, name)));
  const candidates = [...answer.candidates].map(([index, each]) => ({
    index,
    parts: each.parts.map(({ head, text, keep }) => ({ head, text, keep })),
    logprobs: joinLogprobs(each.parts.flatMap((part) => part.logprobs)) ?? null,
    choice: place(each.extras, "choice"),
    message: place(each.extras, "message"),
    finish: each.finish,
  }));
  const all = [...answer.extras, ...[...answer.candidates.values()].flatMap((each) => each.extras)];
  return JSON.parse(
    JSON.stringify({
      ...answer,
      candidates: candidates.toSorted((left, right) => left.index - right.index),
      extras: place(all, "answer"),
      usageExtras: place(answer.usageExtras, "usage"),
      failure: failureOf(events),
    }),
  );
}
