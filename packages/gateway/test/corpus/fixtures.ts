/**
 * Runs recorded answers of providers through our codecs. Each is decoded without a failure; told to a client of its own
 * protocol, streamed and whole, and decoded again, it is what it was; and a client of any other protocol gets a stream
 * and a body that its protocol calls complete, with the same content or a reported loss. No part of a stream passes for
 * the whole.
 *
 * node test/corpus/fixtures.ts DIRECTORY [--show TEXT]
 *
 * `--show` takes only the fixtures whose name holds TEXT, and prints both sides of what differs.
 */
import { codecs } from "../../src/app/codecs.ts";
import type { Codec } from "../../src/kernel/codec.ts";
import type { AnswerEvent } from "../../src/kernel/event.ts";
import { isJsonObject } from "../../src/kernel/json.ts";
import type { Json } from "../../src/kernel/json.ts";
import { parseExactObject } from "../../src/codecs/shared/exact.ts";
import type { Loss } from "../../src/kernel/loss.ts";
import { operations } from "../../src/kernel/protocol.ts";
import { contentOf, decodeStream, decodeWhole, encodeStream, encodeWhole, everythingOf, listener } from "./answers.ts";
import { fixturesUnder } from "./fixture-files.ts";
import type { Fixture } from "./fixture-files.ts";
import { expectedContent } from "./limits.ts";

const [directory = "", flag, wanted = ""] = process.argv.slice(2);
const shown = flag === "--show";
const count = { fixtures: 0, checks: 0, failed: 0, errors: 0 };
const scope = new Map<string, number>();

function fail(name: string, why: string, detail = ""): void {
  count.failed++;
  console.log(`${name}: ${why}`);
  if (shown && detail !== "") console.log(detail);
}

function check(name: string, run: () => string | undefined, detail: () => string = () => ""): void {
  count.checks++;
  try {
    const wrong = run();
    if (wrong !== undefined) fail(name, wrong, detail());
  } catch (error) {
    fail(name, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** What an answer may become when it is told to a client of its own protocol. */
function isSame(path: string, before: unknown, after: unknown): boolean {
  // An answer's shape may demand fields that the recorded one did without.
  if (path.startsWith(".extras.") && before === undefined) return true;
  // Clients of chat look for reasoning in one field, whichever the vendor used.
  if (path.endsWith(".keep") && JSON.stringify(before) === '{"openai-chat":{"field":"reasoning"}}') return true;
  // A call's caller is known to us at the call's end, and stands in the event that begins it.
  if (path.endsWith(".keep") && JSON.stringify(before).startsWith('{"anthropic-messages":{"caller"')) return true;
  return isZero(path, before, after);
}

/** Where a shape demands a number, nothing is 0. */
function isZero(path: string, before: unknown, after: unknown): boolean {
  return path.startsWith(".usage.") && before === undefined && after === 0;
}

type Excuse = (path: string, before: unknown, after: unknown) => boolean;

/** The first difference of two values that has no excuse, said shortly. */
function difference(before: unknown, after: unknown, excuse: Excuse, path = ""): string | undefined {
  if (JSON.stringify(before) === JSON.stringify(after) || excuse(path, before, after)) return undefined;
  if (typeof before === "object" && typeof after === "object" && before !== null && after !== null) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const [left, right] = [Reflect.get(before, name) as unknown, Reflect.get(after, name) as unknown];
      const found = difference(left, right, excuse, `${path}.${name}`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return `${path}: ${shortly(before)} became ${shortly(after)}`;
}

function shortly(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 200);
}

function failureOf(events: readonly AnswerEvent[]): string | undefined {
  const last = events.at(-1);
  if (last?.type === "failure") return `failure ${last.failure.kind}: ${last.failure.message}`;
  return undefined;
}

function unfinished(events: readonly AnswerEvent[]): string | undefined {
  if (events.some((event) => event.type === "embedding")) return undefined;
  return failureOf(events) ?? (events.some(({ type }) => type === "finish") ? undefined : "it has no finish");
}

interface Answer {
  readonly events: readonly AnswerEvent[];
  readonly tools: Json;
}

/** Told to a client of this protocol, then heard again by this protocol's own decoder. */
function heard(codec: Codec, { events, tools }: Answer, stream: boolean) {
  const ear = listener(stream, tools);
  const again = stream
    ? decodeStream(codec, encodeStream(codec, events, ear))
    : decodeWhole(codec, encodeWhole(codec, events, ear));
  return { again, losses: ear.losses };
}

function sameProtocol(name: string, codec: Codec, answer: Answer): void {
  for (const stream of codec.protocol.endsWith("embeddings") ? [false] : [true, false]) {
    check(`${name} as itself, ${stream ? "streamed" : "whole"}`, () => {
      const { again } = heard(codec, answer, stream);
      return unfinished(again) ?? difference(everythingOf(answer.events), everythingOf(again), isSame);
    });
  }
}

function otherProtocols(name: string, from: Codec, answer: Answer): void {
  for (const codec of codecs.values()) {
    if (codec === from || operations[codec.protocol] !== operations[from.protocol]) continue;
    for (const stream of operations[from.protocol] === "embed" ? [false] : [true, false]) {
      check(`${name} to ${codec.protocol}, ${stream ? "streamed" : "whole"}`, () => {
        const { again, losses } = heard(codec, answer, stream);
        return unfinished(again) ?? lostContent(codec, answer.events, again, losses);
      });
    }
  }
}

function lostContent(
  codec: Codec,
  events: readonly AnswerEvent[],
  again: readonly AnswerEvent[],
  losses: readonly Loss[],
): string | undefined {
  const expected = expectedContent(codec.protocol, contentOf(events), losses);
  const wrong = difference(expected, expectedContent(codec.protocol, contentOf(again), losses), isZero);
  return wrong && `${wrong} (told: ${losses.map(({ field }) => field).join(", ")})`;
}

/** A stream that ends early is a failure, or has lost nothing but what may be missing. */
function prefixes({ name, events = [] }: Fixture, codec: Codec, whole: readonly AnswerEvent[]): void {
  const step = Math.max(1, Math.floor(events.length / 40));
  const complete = JSON.stringify(contentOf(whole).candidates);
  check(`${name} cut short`, () => {
    for (let length = 0; length < events.length; length += step) {
      const part = decodeStream(codec, events.slice(0, length));
      if (failureOf(part) === undefined && JSON.stringify(contentOf(part).candidates) !== complete) {
        return `${length} of ${events.length} events pass for all`;
      }
    }
    return undefined;
  });
}

/** Responses repeat the tools of their request. */
function toolsOf({ body, events = [] }: Fixture): Json {
  const first = events[0] && parseExactObject(events[0].data)?.["response"];
  const { tools } = body ?? (isJsonObject(first) ? first : {});
  return tools ?? [];
}

function run(fixture: Fixture): void {
  const { name, protocol, reason, events, body, error } = fixture;
  const codec = protocol && codecs.get(protocol);
  if (codec === undefined) {
    scope.set(reason ?? "no codec", (scope.get(reason ?? "no codec") ?? 0) + 1);
    return;
  }
  count.fixtures++;
  let decoded: readonly AnswerEvent[] = [];
  check(`${name} (${codec.protocol})`, () => {
    decoded = events === undefined ? decodeWhole(codec, body ?? {}) : decodeStream(codec, events);
    if (!error) return unfinished(decoded);
    count.errors++;
    if (events === undefined) {
      const read = codec.egress.readError(400, body);
      return read.message === "" ? "the error has no message" : undefined;
    }
    return failureOf(decoded) === undefined ? "an error passes for an answer" : undefined;
  });
  if (error || decoded.length === 0 || failureOf(decoded) !== undefined) return;
  if (events !== undefined) prefixes(fixture, codec, decoded);
  const answer = { events: decoded, tools: toolsOf(fixture) };
  sameProtocol(name, codec, answer);
  otherProtocols(name, codec, answer);
}

for (const fixture of fixturesUnder(directory)) if (!shown || fixture.name.includes(wanted)) run(fixture);
for (const [reason, number] of scope) console.log(`${number} of no concern: ${reason}`);
console.log(
  `${count.fixtures} recorded answers (${count.errors} of them errors), ${count.checks} checks, ${count.failed} failed`,
);
process.exitCode = count.failed === 0 && count.fixtures > 0 ? 0 : 1;
