import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExactObject } from "../src/codecs/shared/exact.ts";
import type { JsonObject } from "../src/kernel/json.ts";
import type { GenerationRequest, Message, Part, Sampling, Tool, ToolChoice } from "../src/kernel/request.ts";
import { anyArguments, anyProtocol, anyWord, mutated } from "./support/arbitraries.ts";
import { essenceOf } from "./support/essence.ts";
import type { Essence } from "./support/essence.ts";
import { codecOf, generating, Pipeline } from "./support/pipeline.ts";
import type { Generating } from "./support/pipeline.ts";

const pipeline = new Pipeline();

/** What requests of a protocol can say beside a conversation with tools and images, a limit and sampling. */
interface Sayable {
  readonly conversation: boolean;
  readonly system: boolean;
  readonly images: boolean;
  readonly tools: boolean;
  readonly toolChoice: boolean;
  readonly output: boolean;
  readonly stop: boolean;
  readonly topK: boolean;
  readonly seed: boolean;
}

const everything: Sayable = {
  conversation: true,
  system: true,
  images: true,
  tools: true,
  toolChoice: true,
  output: true,
  stop: true,
  topK: true,
  seed: true,
};
const sayable: { readonly [P in Generating]: Sayable } = {
  "openai-chat": { ...everything, topK: false },
  "openai-responses": { ...everything, topK: false, seed: false, stop: false },
  "openai-completions": {
    ...everything,
    conversation: false,
    system: false,
    images: false,
    tools: false,
    toolChoice: false,
    output: false,
    topK: false,
  },
  "anthropic-messages": { ...everything, seed: false },
  gemini: everything,
  ollama: { ...everything, toolChoice: false },
  "ollama-generate": { ...everything, conversation: false, tools: false, toolChoice: false },
};

const anySaid = fc.string({ unit: "binary", minLength: 1, maxLength: 20 }).map((text) => `x${text.toWellFormed()}y`);
const text = (value: string): Part => ({ type: "text", text: value });
const image: Part = { type: "image", source: { kind: "data", mediaType: "image/png", base64: "aGkh" } };
const schema = (name: string): JsonObject => ({
  type: "object",
  properties: { [name]: { type: "string", description: "What." } },
  required: [name],
  additionalProperties: false,
});

interface Round {
  readonly question: string;
  readonly pictured: boolean;
  readonly answer: string | undefined;
  readonly calls: readonly { readonly name: string; readonly arguments: JsonObject; readonly result: string }[];
}

const anyRound: fc.Arbitrary<Round> = fc.record({
  question: anySaid,
  pictured: fc.boolean(),
  answer: fc.option(anySaid, { nil: undefined }),
  calls: fc.array(fc.record({ name: anyWord, arguments: anyArguments, result: anySaid }), { maxLength: 3 }),
});

function messagesOf(rounds: readonly Round[], may: Sayable): readonly Message[] {
  return rounds.flatMap(({ question, pictured, answer, calls }, round): Message[] => {
    const parts = [text(question), ...(pictured && may.images ? [image] : [])];
    const asked: Message = { role: "user", parts };
    const made = may.tools ? calls : [];
    if (answer === undefined && made.length === 0) return [asked, { role: "assistant", parts: [text("so")] }];
    const said: Part[] = [
      ...(answer === undefined ? [] : [text(answer)]),
      ...made.map(({ name, arguments: value }, place): Part => ({
        type: "tool-call",
        id: `call_${round}_${place}`,
        name,
        arguments: JSON.stringify(value),
        tool: "function",
      })),
    ];
    const results = made.map(({ name, result }, place): Message => ({
      role: "tool",
      parts: [{ type: "tool-result", id: `call_${round}_${place}`, name, content: [text(result)] }],
    }));
    return [asked, { role: "assistant", parts: said }, ...results];
  });
}

/** Any request within what can be said. */
function anyRequest(may: Sayable): fc.Arbitrary<GenerationRequest> {
  return fc
    .record({
      system: fc.option(anySaid, { nil: undefined }),
      rounds: fc.array(anyRound, { maxLength: may.conversation ? 3 : 0 }),
      last: anySaid,
      offers: fc.uniqueArray(anyWord, { minLength: 1, maxLength: 3 }),
      choice: fc.constantFrom(undefined, "auto", "none", "required", "tool"),
      sampling: fc.record(
        {
          temperature: fc.constantFrom(0, 0.5, 1),
          topP: fc.constantFrom(0.5, 0.25),
          topK: fc.nat(40).map((each) => each + 1),
          seed: fc.nat(1000),
          stop: fc.uniqueArray(anySaid, { minLength: 1, maxLength: 2 }),
        },
        { requiredKeys: [] },
      ),
      limit: fc.integer({ min: 100, max: 4000 }),
      isFormed: fc.boolean(),
      stream: fc.boolean(),
    })
    .map(({ system, rounds, last, offers, choice, sampling, limit, isFormed, stream }): GenerationRequest => {
      const messages = messagesOf(rounds, may);
      const called = messages.flatMap(({ parts }) =>
        parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : [])),
      );
      const tools = [...new Set([...offers, ...called])].map((name): Tool => ({
        tool: "function",
        name,
        description: `Does ${name}.`,
        parameters: schema(name),
      }));
      const [first = ""] = offers;
      const toolChoice: ToolChoice | undefined =
        choice === "tool" ? { type: "tool", tool: "function", name: first } : choice && { type: choice };
      return {
        operation: "generate",
        // With tools a schema is not for the older models of Google.
        model: "gemini-3-pro",
        messages: [
          ...(system === undefined || !may.system ? [] : [{ role: "system" as const, parts: [text(system)] }]),
          ...messages,
          { role: "user", parts: [text(last)] },
        ],
        tools: may.tools ? tools : [],
        ...(toolChoice && may.tools && may.toolChoice && { toolChoice }),
        sampling: samplingWithin(sampling, may),
        maxOutputTokens: limit,
        ...(isFormed && may.output && { output: { type: "json-schema", name: "answer", schema: schema("z") } }),
        stream,
      };
    });
}

function samplingWithin({ topK, seed, stop, ...rest }: Partial<Sampling>, may: Sayable): Sampling {
  return {
    ...rest,
    ...(topK !== undefined && may.topK && { topK }),
    ...(seed !== undefined && may.seed && { seed }),
    ...(stop !== undefined && may.stop && { stop }),
  };
}

function both(one: Sayable, other: Sayable): Sayable {
  return Object.fromEntries(
    Object.entries(one).map(([name, value]) => [name, value && Reflect.get(other, name) === true]),
  ) as unknown as Sayable;
}

interface Told {
  readonly request: GenerationRequest;
  readonly lost: readonly string[];
}

/** A request written in a protocol's words, and read again, by way of the features that know what it takes. */
function through(request: GenerationRequest, protocol: Generating, client: Generating): Told {
  const written = pipeline.write(client, protocol, request, { endpoint: "e" });
  const body = parseExactObject(written.body.toString()) ?? assert.fail("The body is no object.");
  // The name and the wish for a stream are in the path of some.
  const read = codecOf(protocol).ingress.readRequest(body, { model: request.model, stream: request.stream });
  if (!read.ok) assert.fail(`${protocol} refuses what was written: ${read.failure.message} ${written.body.toString()}`);
  assert.ok(read.value.request.operation === "generate");
  const lost = [...written.losses, ...read.value.losses].map(({ field }) => field);
  return { request: read.value.request, lost };
}

for (const one of generating) {
  for (const other of generating) {
    test(`what both can say survives the way from ${one} to ${other} and back`, () => {
      fc.assert(
        fc.property(anyRequest(both(sayable[one], sayable[other])), (request) => {
          const start = through(request, one, one);
          const there = through(start.request, other, one);
          const back = through(there.request, one, other);
          assert.deepEqual([start.lost, there.lost, back.lost], [[], [], []]);
          assert.deepEqual(essenceOf(there.request), essenceOf(start.request));
          assert.deepEqual(essenceOf(back.request), essenceOf(start.request));
          assert.deepEqual(essenceOf(start.request), essenceOf(request));
        }),
        { numRuns: 10 },
      );
    });
  }
}

/** The name by which the loss of each aspect is told. */
const lossOf: { readonly [aspect: string]: RegExp } = {
  system: /^(?:messages|system|instructions)/,
  talk: /^(?:messages|prompt|input|contents|system)/,
  calls: /^(?:messages|tools)/,
  images: /^messages/,
  // One tool that must be used is the only one that is offered, where there is no such choice.
  tools: /^tools|^toolChoice/,
  toolChoice: /^tool(?:C|_c)hoice/,
  parallelToolCalls: /^parallelToolCalls/,
  maxOutputTokens: /^max_?(?:tokens|output|completion)/,
  candidates: /^candidates/,
  output: /^(?:response_format|output|text|format)/,
  temperature: /^temperature/,
  topP: /^top_?[pP]/,
  topK: /^top_?[kK]/,
  seed: /^seed/,
  stop: /^stop/,
  frequencyPenalty: /^frequency/,
  presencePenalty: /^presence/,
  logprobs: /logprobs/,
  user: /^(?:user|metadata|safety)/,
  verbosity: /^verbosity/,
  stream: /^stream/,
};

const anyMore = fc.record(
  {
    parallelToolCalls: fc.boolean(),
    candidates: fc.integer({ min: 2, max: 4 }),
    user: anyWord,
    verbosity: fc.constantFrom("low", "high"),
    frequencyPenalty: fc.constantFrom(0.5, 1),
    presencePenalty: fc.constantFrom(0.5, 1),
    logprobs: fc.nat(5),
    temperature: fc.constantFrom(0, 1, 1.5, 2),
  },
  { requiredKeys: [] },
);

function withMore(
  request: GenerationRequest,
  more: typeof anyMore extends fc.Arbitrary<infer M> ? M : never,
): GenerationRequest {
  const { frequencyPenalty, presencePenalty, logprobs, temperature, ...rest } = more;
  const sampling: Sampling = {
    ...request.sampling,
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(logprobs !== undefined && { logprobs: true, topLogprobs: logprobs }),
    ...(temperature !== undefined && { temperature }),
  };
  return { ...request, ...rest, sampling };
}

function uncovered(before: Essence, after: Essence, lost: readonly string[]): readonly string[] {
  return Object.keys(before).filter((aspect) => {
    if (JSON.stringify(before[aspect]) === JSON.stringify(after[aspect])) return false;
    // A conversation that became one text has neither calls nor turns any more.
    const names = lost.some((name) => name === "messages") ? /^(?:system|talk|calls|images)$/ : /^$/;
    return !names.test(aspect) && !lost.some((name) => lossOf[aspect]?.test(name.replace("sampling.", "")));
  });
}

test("whatever is not the same in another protocol's words was reported", () => {
  fc.assert(
    fc.property(anyProtocol, anyProtocol, anyRequest(everything), anyMore, (one, other, plain, more) => {
      const request = withMore(plain, more);
      const start = through(request, one, one);
      assert.deepEqual(uncovered(essenceOf(request), essenceOf(start.request), start.lost), [], start.lost.join());
      const there = through(start.request, other, one);
      assert.deepEqual(
        uncovered(essenceOf(start.request), essenceOf(there.request), there.lost),
        [],
        there.lost.join(),
      );
      const back = through(there.request, one, other);
      assert.deepEqual(uncovered(essenceOf(there.request), essenceOf(back.request), back.lost), [], back.lost.join());
    }),
    { numRuns: 250 },
  );
});

test("no body, however spoilt, makes anything throw, whatever protocol it is written in", () => {
  const spoilt = fc
    .tuple(anyProtocol, anyProtocol, anyRequest(everything), anyMore)
    .chain(([client, backend, plain, more]) => {
      const written = pipeline.write(client, client, withMore(plain, more));
      const body = parseExactObject(written.body.toString()) ?? {};
      return fc.tuple(fc.constant(client), fc.constant(backend), mutated(fc.constant(body)));
    });
  fc.assert(
    fc.property(spoilt, ([client, backend, value]) => {
      const body = parseExactObject(JSON.stringify(value));
      if (body === undefined) return;
      const read = codecOf(client).ingress.readRequest(body, { model: "m", stream: false });
      if (!read.ok) return assert.equal(read.failure.kind, "bad-request");
      const { body: bytes } = pipeline.write(client, backend, read.value.request);
      assert.notEqual(parseExactObject(bytes.toString()), undefined);
      assert.equal(Reflect.get({}, "polluted"), undefined);
    }),
    { numRuns: 300 },
  );
});
