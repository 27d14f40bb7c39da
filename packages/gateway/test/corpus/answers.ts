import type { AnswerContext, Codec, WireEvent } from "../../src/kernel/codec.ts";
import type { AnswerEvent } from "../../src/kernel/event.ts";
import { isJsonObject } from "../../src/kernel/json.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import type { Extra } from "../../src/kernel/request.ts";
import type { Loss } from "../../src/kernel/loss.ts";
import { isExact, parseExactObject } from "../../src/codecs/shared/exact.ts";
import { unseal } from "../../src/codecs/shared/carrier.ts";
import { foldAnswer } from "../../src/codecs/shared/fold.ts";
import type { FoldedPart } from "../../src/codecs/shared/fold.ts";
import { NdjsonSplitter } from "../../src/wire/ndjson.ts";
import { SseSplitter } from "../../src/wire/sse.ts";

/** What a backend's stream means. */
export function decodeStream(codec: Codec, events: readonly WireEvent[]): readonly AnswerEvent[] {
  const decoder = codec.egress.streamDecoder({ id: "attempt" });
  const decoded: AnswerEvent[] = [];
  for (const event of events) {
    decoded.push(...decoder.push(event));
    if (decoded.at(-1)?.type === "failure") return decoded;
  }
  return [...decoded, ...decoder.end()];
}

export function decodeWhole(codec: Codec, body: JsonObject): readonly AnswerEvent[] {
  return codec.egress.readAnswer(body, { id: "attempt" });
}

/** A client's side of an exchange, with the losses that it hears of. */
export interface Listener {
  readonly context: AnswerContext;
  readonly losses: Loss[];
}

/** @param tools Those of the request that the answer belongs to, as far as the answer tells them. */
export function listener(stream: boolean, tools: Json): Listener {
  const losses: Loss[] = [];
  const include = ["reasoning.encrypted_content"];
  const request = { model: "asked", stream, stream_options: { include_usage: true }, include, tools };
  const lost = (loss: Loss) => void losses.push(loss);
  return { losses, context: { id: "fallback", created: 1_700_000_000, model: "asked", request, lost } };
}

/** The answer as a client of this protocol gets it streamed, cut into events again. */
export function encodeStream(
  codec: Codec,
  events: readonly AnswerEvent[],
  { context }: Listener,
): readonly WireEvent[] {
  const encoder = codec.ingress.streamEncoder(context);
  const text = [...events.flatMap((event) => encoder.push(event)), ...encoder.end()].join("");
  const splitter = codec.framing === "sse" ? new SseSplitter(1 << 26) : new NdjsonSplitter(1 << 26);
  const blocks = [...splitter.push(Buffer.from(text)), ...splitter.end()];
  return blocks.flatMap((block) => (block.message === undefined ? [] : [block.message]));
}

/** The answer as a client of this protocol gets it whole. */
export function encodeWhole(codec: Codec, events: readonly AnswerEvent[], { context }: Listener): JsonObject {
  return parseExactObject(codec.ingress.writeAnswer(events, context)) ?? {};
}

/** An answer's content in a form that can be compared, of whatever protocol it is. */
export function contentOf(events: readonly AnswerEvent[]) {
  const { candidates, usage } = foldAnswer(events);
  return {
    candidates: [...candidates.values()].map(({ parts, finish }) => ({
      text: textOf(parts, "text"),
      refusal: textOf(parts, "refusal"),
      reasoning: textOf(parts, "reasoning"),
      calls: parts.flatMap(({ head, text }) =>
        head.type === "tool-call" ? [{ id: head.id, name: head.name, arguments: sameArguments(text) }] : [],
      ),
      finish: finish?.unified,
    })),
    usage: { input: usage?.inputTokens, output: usage?.outputTokens },
  };
}

function textOf(parts: readonly FoldedPart[], type: string): string {
  return parts
    .filter(({ head }) => head.type === type)
    .map(({ text }) => text)
    .join("");
}

/** Arguments that mean the same are the same; no arguments are none. */
function sameArguments(text: string): string {
  if (text.trim() === "") return "{}";
  const value = parseExactObject(text);
  // A protocol without free text for calls wraps it.
  if (Object.keys(value ?? {}).join() === "input" && typeof value?.["input"] === "string") return value["input"];
  return value === undefined ? text : JSON.stringify(value);
}

/** Everything that an answer says, its vendor's fields included, in a form that can be compared. */
export function everythingOf(events: readonly AnswerEvent[]) {
  const { candidates, extras, usageExtras, id, model, usage } = foldAnswer(events);
  return sorted({
    id,
    model,
    usage,
    // Whether a field of the answer comes with its first event or its last is not told by the answer.
    extras: merged([...extras, ...usageExtras, ...[...candidates.values()].flatMap((each) => each.extras)]),
    candidates: [...candidates].map(([index, { parts, finish }]) => ({
      index,
      finish: { ...finish, raw: undefined },
      parts: parts.map(({ head, text, keep, origin, logprobs }) => ({
        head,
        text: head.type === "tool-call" && head.tool === "function" ? sameArguments(text) : text,
        keep: withoutItemIds(keep),
        origin,
        logprobs: JSON.stringify(merged(logprobs.flatMap((each) => (isPlain(each) ? [each] : [])))),
      })),
    })),
  });
}

/**
 * Items of Responses are given new ids, which a request that brings them back does not tell the backend. Where an item
 * has no state of its own, its old id travels in what a client gives back.
 */
function withoutItemIds(keep: Extra | undefined): object | undefined {
  const own = keep?.["openai-responses"];
  if (own === undefined) return keep;
  const state = own["encrypted_content"];
  const carried = typeof state === "string" ? unseal(state) : undefined;
  if (carried !== undefined) return withoutItemIds(carried.keep);
  const message = isJsonObject(own["message"]) ? { ...own["message"], id: undefined, status: undefined } : undefined;
  return { ...keep, "openai-responses": { ...own, id: undefined, status: undefined, message } };
}

/** Objects joined at every depth, as one who hears them in turn would join them; a list that is repeated is one list. */
function merged(objects: readonly object[]): object {
  const all = new Map<string, unknown>();
  for (const each of objects) {
    for (const [name, value] of Object.entries(each) as [string, unknown][]) {
      const before = all.get(name);
      if (isPlain(value)) all.set(name, merged([isPlain(before) ? before : {}, value]));
      else if (Array.isArray(value))
        all.set(name, [...new Set([...(Array.isArray(before) ? before : []), ...texts(value)])]);
      else all.set(name, value);
    }
  }
  return Object.fromEntries(all);
}

function texts(list: readonly unknown[]): readonly string[] {
  return list.map((each) => (typeof each === "string" ? each : JSON.stringify(sorted(each))));
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The order of names says nothing, nor does a name that has nothing. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isPlain(value) || isExact(value)) return value;
  const entries: [string, unknown][] = Object.entries(value)
    .map(([name, each]): [string, unknown] => [name, sorted(each)])
    .filter(([, each]) => each !== undefined && JSON.stringify(each) !== "{}" && JSON.stringify(each) !== "[]")
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries);
}
