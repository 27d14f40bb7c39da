import fc from "fast-check";
import type { AnswerEvent, FinishWord, PartHead } from "../../src/kernel/event.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import { generating } from "./pipeline.ts";
import type { Generating } from "./pipeline.ts";
import type { Answer } from "./vendors/scene.ts";

export const anyProtocol = fc.constantFrom<Generating>(...generating);

/** Text as models write it, and worse; JSON in UTF-8 can carry all of it. */
export const anyText = fc
  .oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    fc.constantFrom("é✓😀", "a\r\n\r\nb", "data: [DONE]\n\n", "\u2028\u2029", " ", "event: x", "{}", '\\"', "\u0000"),
  )
  .map((text) => text.toWellFormed());

export const anyWord = fc.stringMatching(/^[a-z_]{1,8}$/);

export const anyJson = fc
  .jsonValue({ maxDepth: 2 })
  .map((value): Json => JSON.parse(JSON.stringify(value).toWellFormed()) as Json);

/** Arguments as the object that they are. */
export const anyArguments = fc.dictionary(anyWord, anyJson, {
  maxKeys: 3,
  noNullPrototype: true,
}) as fc.Arbitrary<JsonObject>;

/** What a model may say. */
export const anyAnswer: fc.Arbitrary<Answer> = fc
  .record({
    reasoning: fc.option(anyText, { nil: undefined }),
    text: fc.option(anyText, { nil: undefined }),
    calls: fc.array(fc.record({ name: anyWord, arguments: anyArguments.map((value) => JSON.stringify(value)) }), {
      maxLength: 3,
    }),
    finish: fc.constantFrom("stop" as const, "length" as const),
    usage: fc.record({
      input: fc.integer({ min: 50, max: 999 }),
      output: fc.integer({ min: 5, max: 99 }),
      cached: fc.nat(50),
    }),
  })
  .map(({ reasoning, text, ...rest }) => ({
    ...rest,
    ...(reasoning !== undefined && { reasoning }),
    ...(text !== undefined && { text }),
  }));

/** Cuts bytes where the numbers say. */
export function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const inside = places.map((each) => each % (bytes.length + 1)).toSorted((left, right) => left - right);
  return [...inside, bytes.length].map((place, index) => bytes.subarray(index === 0 ? 0 : inside[index - 1], place));
}

const anyHead: fc.Arbitrary<PartHead> = fc.oneof(
  fc.constantFrom<PartHead>(
    { type: "text" },
    { type: "refusal" },
    { type: "reasoning" },
    { type: "opaque" },
    { type: "image", mediaType: "image/png" },
  ),
  fc.record({
    type: fc.constant("tool-call" as const),
    id: anyWord,
    name: anyWord,
    tool: fc.constant("function" as const),
  }),
);

const anyPart = fc.record({
  head: anyHead,
  texts: fc.array(
    fc.string({ maxLength: 4 }).map((text) => text.toWellFormed()),
    { maxLength: 3 },
  ),
  arguments: anyArguments.map((value) => JSON.stringify(value)),
});

const words: readonly FinishWord[] = ["stop", "length", "tool-calls", "content-filter", "other"];

/** The events of any whole answer; its parts overlap, and are of all kinds. Calls have ids of their own. */
export const anyEvents: fc.Arbitrary<readonly AnswerEvent[]> = fc
  .tuple(fc.array(anyPart, { maxLength: 4 }), fc.array(fc.nat(9), { maxLength: 12 }), fc.constantFrom(...words))
  .map(([parts, order, unified]): readonly AnswerEvent[] => {
    const heads = parts.map(({ head }, part) =>
      head.type === "tool-call" ? { ...head, id: `${head.id}${part}` } : head,
    );
    const queues = parts.map(({ head, texts, arguments: whole }, part): AnswerEvent[] => [
      ...(head.type === "tool-call" ? cutText(whole) : head.type === "image" ? ["aGk="] : texts).map(
        (text): AnswerEvent => ({ type: "part-delta", candidate: 0, part, text }),
      ),
      { type: "part-end", candidate: 0, part },
    ]);
    const out: AnswerEvent[] = [
      { type: "start", id: "x", model: "real", created: 1_700_000_000 },
      ...heads.map((head, part): AnswerEvent => ({ type: "part-start", candidate: 0, part, head })),
    ];
    for (const turn of order) {
      const event = queues[turn % Math.max(1, queues.length)]?.shift();
      if (event !== undefined) out.push(event);
    }
    return [
      ...out,
      ...queues.flat(),
      { type: "usage", usage: { inputTokens: 7, outputTokens: 3 } },
      { type: "finish", candidate: 0, reason: { unified, raw: unified } },
    ];
  });

function cutText(text: string): readonly string[] {
  return [text.slice(0, 3), text.slice(3)];
}

/** Values that programs trip over. */
export const hostile = fc.oneof(
  fc.constantFrom<Json>(
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    "",
    " ",
    "x",
    "{}",
    "[",
    "~patchbaye30",
    [],
    {},
    [null],
    [[]],
    [{}],
  ),
  fc.constantFrom<Json>({ type: "text" }, { role: "assistant" }, { type: "function" }, [{ type: "tool_use" }]),
  anyJson,
);

/** A value with some places in it replaced by hostile ones. */
export function mutated(value: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  const change = fc.tuple(fc.nat(), hostile, fc.boolean());
  return fc.tuple(value, fc.array(change, { minLength: 1, maxLength: 3 })).map(([original, changes]) => {
    let current = original;
    for (const [place, replacement, removed] of changes) {
      current = replaced(current, place % sizeOf(current), removed ? undefined : replacement) ?? null;
    }
    return current;
  });
}

function childrenOf(value: Json): readonly (readonly [string, Json])[] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function sizeOf(value: Json): number {
  return childrenOf(value).reduce((sum, [, child]) => sum + sizeOf(child), 1);
}

/** The value with its node of this number, counted from the root down, replaced or, undefined, left out. */
function replaced(value: Json, place: number, by: Json | undefined): Json | undefined {
  if (place === 0) return by;
  let left = place - 1;
  const entries: [string, Json][] = [];
  for (const [name, child] of childrenOf(value)) {
    const size = sizeOf(child);
    const next = left >= 0 && left < size ? replaced(child, left, by) : child;
    left -= size;
    if (next !== undefined) entries.push([name, next]);
  }
  return Array.isArray(value) ? entries.map(([, child]) => child) : Object.fromEntries(entries);
}
