import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseExactObject } from "../src/codecs/shared/exact.ts";
import type { AnswerEvent } from "../src/kernel/event.ts";
import type { Json } from "../src/kernel/json.ts";
import { anyAnswer, anyEvents, anyProtocol, anyText, cut, mutated } from "./support/arbitraries.ts";
import { asks } from "./support/asks.ts";
import { grammars } from "./support/grammars.ts";
import { decoded, decodedWhole, encoded, failureIn, generating, Pipeline } from "./support/pipeline.ts";
import type { Generating } from "./support/pipeline.ts";
import { comparable, rooms, spoken, vendorStream, vendorWhole } from "./support/spoken.ts";

const pipeline = new Pipeline();
const pairs = generating.flatMap((client) => generating.map((backend) => ({ client, backend })));
const named = ({ client, backend }: (typeof pairs)[number]) => `${backend} to ${client}`;

for (const pair of pairs) {
  const { client, backend } = pair;

  test(`an answer says the same streamed and whole, however it is cut: ${named(pair)}`, () => {
    fc.assert(
      fc.property(anyAnswer, fc.array(fc.nat(), { maxLength: 6 }), (answer, places) => {
        const stream = Buffer.from(vendorStream(backend, answer).join(""));
        const sent = pipeline.ask(client, backend, asks[client]);
        const told = sent.stream(...cut(stream, places));
        assert.equal(grammars[client](told.text), "success");
        const meant = spoken(decoded(backend, stream));
        const heard = spoken(decoded(client, told.text));
        assert.equal(heard.failure, undefined);
        assert.deepEqual(comparable(heard, client), comparable(meant, client));
        assert.equal(told.lost.includes("reasoning"), !rooms[client].reasoning && meant.reasoning !== "");
        assert.equal(told.lost.includes("tool-call"), client === "openai-completions" && meant.calls.length > 0);
        assert.deepEqual(
          [told.seen.finish?.unified, told.seen.usage?.inputTokens, told.seen.usage?.outputTokens],
          [meant.finish, meant.usage?.inputTokens, meant.usage?.outputTokens],
        );
        const whole = sent.whole(vendorWhole(backend, answer));
        assert.deepEqual(comparable(spoken(decodedWhole(client, whole.body)), client), comparable(heard, client));
        assert.deepEqual(new Set(whole.lost), new Set(told.lost));
      }),
      { numRuns: 8 },
    );
  });

  test(`a stream that breaks off anywhere is a failure to the client: ${named(pair)}`, () => {
    fc.assert(
      fc.property(anyAnswer, fc.nat(), (answer, place) => {
        const events = vendorStream(backend, answer).map((event) => Buffer.from(event));
        const last = terminalOf(backend, events.map(String));
        const sent = pipeline.ask(client, backend, asks[client]);
        const before = events.slice(0, last);
        const prefixes = before.map((_event, length) => Buffer.concat(before.slice(0, length)));
        prefixes.push(Buffer.concat(before));
        // Somewhere within an event, the last one's data included.
        const bytes = Buffer.concat([...before, (events[last] ?? Buffer.alloc(0)).subarray(0, -8)]);
        prefixes.push(bytes.subarray(0, place % (bytes.length + 1)), bytes);
        for (const prefix of prefixes) {
          const told = sent.stream(prefix);
          assert.equal(told.seen.failure?.kind, "broken-stream", prefix.toString());
          assert.equal(grammars[client](told.text), "error", prefix.toString());
          const heard = decoded(client, told.text);
          assert.notEqual(failureIn(heard), undefined);
          assert.ok(heard.every(({ type }) => type !== "finish"));
        }
      }),
      { numRuns: 3 },
    );
  });
}

/** The place of the event that makes a vendor's answer whole. Of chat it is the finish; the mark behind it is not waited for. */
function terminalOf(backend: Generating, events: readonly string[]): number {
  const isLast =
    /"finish_reason":"|"type":"message_stop"|"response\.(?:completed|incomplete)"|"finishReason":"|"done":true/;
  const place = events.findIndex((event) =>
    isLast.test(event.replaceAll(/"(?:text|content|delta)":"(?:[^"\\]|\\.)*"/g, "")),
  );
  assert.ok(place >= 0, backend);
  return place;
}

test("a stream cut between any two bytes is the same stream", () => {
  const answer = {
    reasoning: "é✓😀",
    text: "a\r\n\r\nb 😀",
    calls: [{ name: "f", arguments: '{"a":"é"}' }],
    usage: { input: 9, output: 5 },
  };
  for (const backend of generating) {
    const stream = Buffer.from(vendorStream(backend, answer).join(""));
    const whole = decoded(backend, stream);
    for (let place = 1; place < stream.length; place++) {
      const events = decoded(backend, stream.subarray(0, place), stream.subarray(place));
      assert.equal(JSON.stringify(events), JSON.stringify(whole), `${backend}, cut at ${place}`);
    }
    const single = Array.from(stream, (_byte, place) => stream.subarray(place, place + 1));
    for (const client of generating) {
      const sent = pipeline.ask(client, backend, asks[client]);
      assert.equal(sent.stream(...single).text, sent.stream(stream).text, `${backend} to ${client}, byte by byte`);
    }
  }
});

test("whatever an answer is made of, its stream is one that clients accept, and that says it is complete", () => {
  fc.assert(
    fc.property(anyProtocol, anyEvents, (client, events) => {
      const told = encoded(client, events);
      assert.equal(grammars[client](told.text), "success");
      const heard = spoken(decoded(client, told.text));
      const meant = spoken(events);
      assert.equal(heard.failure, undefined);
      assert.deepEqual([heard.usage?.inputTokens, heard.usage?.outputTokens], [7, 3]);
      if (client === "openai-completions") return;
      assert.equal(heard.calls.length, meant.calls.length);
      const mayBe = meant.calls.length > 0 ? "tool-calls" : meant.finish === "tool-calls" ? "stop" : meant.finish;
      // Ollama has no word for a filter.
      if (meant.finish === "other" || told.lost.includes("finish")) return;
      // Anthropic tells a refusal by the reason of the end.
      if (client === "anthropic-messages" && events.some((event) => "head" in event && event.head.type === "refusal"))
        return;
      assert.ok(heard.finish === mayBe || heard.finish === meant.finish, `${meant.finish} became ${heard.finish}`);
    }),
    { numRuns: 250 },
  );
});

const textual = ["openai-chat", "openai-responses"] as const;

test("the arguments of calls are the same to the byte where both protocols have them as text", () => {
  const texts = fc.oneof(
    anyText,
    fc.constantFrom('{"a": 1}', '{"n":9007199254740993}', "", "{", '{"a":1e400,}', "\u0000"),
  );
  const any = fc.constantFrom(...textual);
  fc.assert(
    fc.property(any, any, texts, (client, backend, text) => {
      const answer = { calls: [{ name: "f", arguments: text }], usage: { input: 9, output: 5 } };
      const sent = pipeline.ask(client, backend, asks[client]);
      const streamed = sent.stream(...vendorStream(backend, answer));
      const whole = sent.whole(vendorWhole(backend, answer));
      assert.equal(spoken(decoded(client, streamed.text)).calls[0]?.arguments, text);
      assert.equal(spoken(decodedWhole(client, whole.body)).calls[0]?.arguments, text);
    }),
    { numRuns: 100 },
  );
});

const objects = ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "ollama"] as const;

test("the arguments of calls keep every digit between all protocols", () => {
  const integer = fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n });
  const any = fc.constantFrom(...objects);
  fc.assert(
    fc.property(any, any, integer, integer, (client, backend, one, other) => {
      const text = `{"a":${one},"b":[{"c":${other}}],"d":0.1234567890123456789,"e":"${one}"}`;
      const events: readonly AnswerEvent[] = [
        { type: "start" },
        {
          type: "part-start",
          candidate: 0,
          part: 0,
          head: { type: "tool-call", id: "c1", name: "f", tool: "function" },
        },
        { type: "part-delta", candidate: 0, part: 0, text },
        { type: "part-end", candidate: 0, part: 0 },
        { type: "finish", candidate: 0, reason: { unified: "tool-calls", raw: "tool-calls" } },
      ];
      const sent = pipeline.ask(client, backend, asks[client]);
      const told = sent.stream(encoded(backend, events).text);
      assert.equal(spoken(decoded(client, told.text)).calls[0]?.arguments, text);
    }),
    { numRuns: 100 },
  );
});

/** An event of a vendor's stream with other data. */
function withData(event: string, data: Json): string {
  const text = JSON.stringify(data);
  return event.endsWith("}\n") && event.startsWith("{")
    ? `${text}\n`
    : event.replace(/data: .*/, () => `data: ${text}`);
}

test("no stream of a vendor's, however spoilt, makes anything throw, or breaks the client's grammar", () => {
  const spoilt = fc.tuple(anyProtocol, anyProtocol, anyAnswer).chain(([client, backend, answer]) => {
    const events = vendorStream(backend, answer);
    const spoil = (event: string) => {
      const data = parseExactObject(event.replace(/^(?:event: .*\n)?data: /, ""));
      return data === undefined
        ? fc.constant(event)
        : fc.oneof(
            { weight: 3, arbitrary: fc.constant(event) },
            { weight: 1, arbitrary: mutated(fc.constant(data)).map((each) => withData(event, each)) },
          );
    };
    return fc.tuple(fc.constant(client), fc.constant(backend), fc.tuple(...events.map(spoil)));
  });
  fc.assert(
    fc.property(spoilt, ([client, backend, events]) => {
      const sent = pipeline.ask(client, backend, asks[client]);
      const told = sent.stream(events.join(""));
      assert.equal(grammars[client](told.text), told.seen.failure === undefined ? "success" : "error", told.text);
    }),
    { numRuns: 250 },
  );
});

test("no whole answer of a vendor's, however spoilt, makes anything throw", () => {
  const spoilt = fc
    .tuple(anyProtocol, anyProtocol, anyAnswer)
    .chain(([client, backend, answer]) =>
      fc.tuple(fc.constant(client), fc.constant(backend), mutated(fc.constant(vendorWhole(backend, answer)))),
    );
  fc.assert(
    fc.property(spoilt, ([client, backend, body]) => {
      const told = pipeline.ask(client, backend, asks[client]).whole(JSON.stringify(body));
      if (told.seen.failure === undefined) {
        const heard = spoken(decodedWhole(client, told.body));
        assert.equal(heard.failure, undefined, JSON.stringify(told.body));
      } else assert.deepEqual(told.body, {});
    }),
    { numRuns: 250 },
  );
});
