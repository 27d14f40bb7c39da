import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { failure } from "../../src/kernel/failure.ts";
import type { Failure } from "../../src/kernel/failure.ts";
import type { CanonicalRequest } from "../../src/kernel/request.ts";
import { TranslatedStream } from "../../src/relay/interpreter.ts";
import { Rescue } from "../../src/relay/rescue.ts";
import { anyAnswer, cut } from "../support/arbitraries.ts";
import { asks } from "../support/asks.ts";
import { grammars } from "../support/grammars.ts";
import type { Ending } from "../support/grammars.ts";
import { codecOf, decoded, generating, Pipeline } from "../support/pipeline.ts";
import type { Generating } from "../support/pipeline.ts";
import { comparable, rooms, spoken, vendorStream } from "../support/spoken.ts";
import type { Spoken } from "../support/spoken.ts";
import type { Answer } from "../support/vendors/scene.ts";

/** Answers that break off at any byte, and whatever another attempt says then, for every pair of protocols. */

const pipeline = new Pipeline();

const requests = new Map<Generating, CanonicalRequest>();
function asked(client: Generating): CanonicalRequest {
  const request = requests.get(client) ?? pipeline.ask(client, client, asks[client]).request;
  requests.set(client, request);
  return request;
}

interface Try {
  readonly pieces: readonly Buffer[];
  /** Where it comes from another backend than the others. */
  readonly backend?: Generating;
  /** The connection is lost, rather than closed. */
  readonly isReset: boolean;
}

/** What a client is told by attempts one after the other, as long as they fail. */
function rescued(client: Generating, usual: Generating, tries: readonly Try[]): string {
  const request = asked(client);
  const rescue = new Rescue(1 << 20);
  let text = "";
  let why: Failure | undefined;
  for (const [index, { pieces, isReset, backend = usual }] of tries.entries()) {
    const answer = () => ({
      id: "request",
      created: 1_700_000_000,
      model: "asked",
      request: asks[client],
      lost: () => {},
    });
    const encoder = rescue.encoder(codecOf(client), answer, undefined);
    const { stages } = pipeline.write(client, backend, request);
    const stream = new TranslatedStream(codecOf(backend), encoder, { id: `try${index}`, stages, limit: 1 << 20 });
    for (const piece of pieces) if (stream.seen.failure === undefined) text += stream.push(piece).toString();
    if (stream.seen.failure === undefined) {
      if (isReset && !stream.seen.finished) stream.seen.failure = failure("broken-stream", "It was reset.");
      else text += stream.end().toString();
    }
    why = stream.seen.failure;
    if (why === undefined) return text;
    if (!rescue.goesOn(why)) break;
  }
  assert.ok(why !== undefined);
  // Where nothing was told it is no stream yet, and the failure a status.
  return text === ""
    ? ""
    : text + (rescue.failureEvent(why)?.toString() ?? assert.fail("Nobody tells of the failure."));
}

function endingOf(client: Generating, stream: string): Ending {
  if (stream === "") return "error";
  try {
    return grammars[client](stream);
  } catch (error) {
    return assert.fail(`${String(error)}\n${stream}`);
  }
}

const idless = (said: Spoken): Spoken => ({ ...said, calls: said.calls.map((call) => ({ ...call, id: "" })) });
/** What a client of this protocol makes of a stream; thoughts are shown of any attempt, and counts of the last. */
function heard(client: Generating, stream: string): object {
  const said = idless(spoken(decoded(client, stream)));
  return comparable({ ...said, reasoning: "", usage: undefined }, client);
}

const bytesOf = (backend: Generating, answer: Answer, id = "1") =>
  Buffer.from(vendorStream(backend, answer).join("").replaceAll("call_1_", `call_${id}_`));

/** Short, since it is broken off at every byte. */
const whole: Answer = {
  reasoning: "Hm é",
  text: "So 😀",
  calls: [{ name: "f", arguments: '{"a":"é"}' }],
  usage: { input: 9, output: 5 },
};

for (const [index, client] of generating.entries()) {
  // Each surface over another protocol than its own, and each of these once.
  const backend = generating[(index + 3) % generating.length] ?? "openai-chat";

  test(`the same answer is told once, wherever the first one broke off: ${backend} to ${client}`, () => {
    const bytes = bytesOf(backend, whole);
    const again = { pieces: [bytesOf(backend, whole, "2")], isReset: false };
    const expected = heard(client, rescued(client, backend, [again]));
    for (let place = 0; place <= bytes.length; place++) {
      const told = rescued(client, backend, [{ pieces: [bytes.subarray(0, place)], isReset: place % 2 === 0 }, again]);
      assert.equal(endingOf(client, told), "success");
      assert.deepEqual(heard(client, told), expected, `broken off at ${place}: ${told}`);
    }
  });
}

for (const first of generating) {
  test(`the same answer of a backend of another protocol goes on: after ${first}`, () => {
    for (const second of generating) {
      for (const said of [whole, { ...whole, text: "" }, { calls: whole.calls ?? [] }, { text: "Only text." }]) {
        const { reasoning, calls } = rooms[first];
        const both = { reasoning: reasoning && rooms[second].reasoning, calls: calls && rooms[second].calls };
        const { reasoning: thought, calls: called, ...rest } = said as Answer;
        const answer = {
          ...rest,
          ...(both.reasoning && thought !== undefined && { reasoning: thought }),
          ...(both.calls && called !== undefined && { calls: called }),
        };
        const events = vendorStream(first, answer);
        const again = { pieces: [bytesOf(second, answer, "2")], isReset: false, backend: second };
        const expected = heard("openai-chat", rescued("openai-chat", first, [again]));
        for (let place = 0; place <= events.length; place++) {
          const begun = { pieces: [Buffer.from(events.slice(0, place).join(""))], isReset: true };
          const told = rescued("openai-chat", first, [begun, again]);
          assert.equal(endingOf("openai-chat", told), "success", `${second} at ${place}: ${told}`);
          assert.deepEqual(heard("openai-chat", told), expected, `${second} at ${place}: ${told}`);
        }
      }
    }
  });
}

/** What the second attempt says. */
const seconds = {
  same: (first: Answer): Answer => first,
  other: (_first: Answer, other: Answer): Answer => other,
  longer: (first: Answer, other: Answer): Answer => ({
    ...first,
    text: (first.text ?? "") + (other.text ?? "more"),
  }),
  shorter: ({ text = "", ...first }: Answer): Answer => ({
    ...first,
    text: text.slice(0, Math.floor(text.length / 2)).toWellFormed(),
  }),
  empty: (): Answer => ({}),
  "other calls": (first: Answer, other: Answer): Answer => ({ ...first, calls: other.calls ?? [] }),
};
const kinds = Object.keys(seconds) as (keyof typeof seconds)[];

for (const client of generating) {
  for (const backend of generating) {
    test(`another answer is joined, or told of, and never mixed: ${backend} to ${client}`, () => {
      fc.assert(
        fc.property(
          anyAnswer,
          fc.nat(),
          anyAnswer,
          fc.constantFrom(...kinds),
          fc.array(fc.nat(), { maxLength: 4 }),
          fc.boolean(),
          (first, place, other, kind, places, isReset) => {
            const bytes = bytesOf(backend, first);
            const second = seconds[kind](first, other);
            const begun = { pieces: [bytes.subarray(0, place % (bytes.length + 1))], isReset };
            const again = { pieces: cut(bytesOf(backend, second, "2"), places), isReset: false };
            const told = rescued(client, backend, [begun, again]);
            const ending = endingOf(client, told);
            const alone = (each: Try) => rescued(client, backend, [each]);
            const of = (answer: Answer) => heard(client, alone({ pieces: [bytesOf(backend, answer)], isReset: false }));
            if (kind === "same") assert.equal(ending, "success", told);
            if (ending === "success") {
              const heardOf = heard(client, told);
              // What was complete behind the cut already needs nobody else.
              const isFirst = endingOf(client, alone(begun)) === "success";
              assert.deepEqual(heardOf, of(isFirst ? first : second), told);
              return;
            }
            const beginning = idless(spoken(decoded(client, told)));
            const all = idless(spoken(decoded(client, alone({ pieces: [bytes], isReset: false }))));
            assert.equal(beginning.finish, undefined, told);
            assert.ok(all.text.startsWith(beginning.text), told);
            assert.deepEqual(
              beginning.calls.map(({ name }) => name),
              all.calls.slice(0, beginning.calls.length).map(({ name }) => name),
              told,
            );
          },
        ),
        { numRuns: 3 },
      );
    });
  }
}
