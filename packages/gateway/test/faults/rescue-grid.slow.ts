import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { WebSocket } from "ws";
import { startHouse } from "../support/house.ts";
import { asks } from "../support/asks.ts";
import { grammars } from "../support/grammars.ts";
import type { Ending } from "../support/grammars.ts";
import { decoded } from "../support/pipeline.ts";
import type { Generating } from "../support/pipeline.ts";
import { field } from "../support/read-stream.ts";
import { startRecorder } from "../support/recorder.ts";
import { comparable, spoken } from "../support/spoken.ts";
import type { Spoken } from "../support/spoken.ts";
import { places } from "../support/wire-clients.ts";
import type { Answer, Seen } from "../support/vendors/scene.ts";
import { endpointOf, vendorKinds } from "../support/vendors/server.ts";
import type { VendorKind } from "../support/vendors/server.ts";

/**
 * Every surface over every vendor's protocol, an answer that breaks off behind each of its events and in the middle of
 * some, and every way of rescue. The client's own state machine judges what comes: the answer, once, or a beginning of
 * it and an error.
 */

const kinds = Object.keys(vendorKinds) as VendorKind[];
const answer: Answer = {
  reasoning: "First it is thought about.",
  text: "Then it is said, in 世界 words.",
  calls: [
    { name: "f", arguments: '{"city":"Aachen","unit":"c"}' },
    { name: "g", arguments: '{"city":"Bremen"}' },
  ],
  usage: { input: 210, output: 70 },
};
const seen = { model: "real", body: { stream_options: { include_usage: true }, max_tokens: 1000 } } as unknown as Seen;
/** Completions tell its text alone, which must be long enough to break off within. */
const longer: Answer = { ...answer, text: `${answer.text} `.repeat(6) };
const streamOf = (kind: VendorKind, id: string) =>
  vendorKinds[kind].protocol.stream(kind === "openai-completions" ? longer : answer, seen, id);

/** Breaks off where the model's name says, or answers. */
const vendors = new Map(
  await Promise.all(
    kinds.map(async (kind) => {
      const { protocol } = vendorKinds[kind];
      const recorder = await startRecorder((call, response) => {
        const model = /"model":"([^"]+)"/u.exec(call.body)?.[1] ?? /models\/([^:]+):/u.exec(call.path)?.[1] ?? "";
        if (!places[kind].test(call.path)) {
          response.writeHead(404).end("404 page not found");
          return;
        }
        const [what = "", place = "0"] = model.split(".");
        response.writeHead(200, { "content-type": protocol.streamType });
        const events = streamOf(kind, what);
        // Some break off by an event that nobody can read, in the same bytes.
        const last = place.endsWith("x") ? (kind === "ollama" ? "{broken\n" : "data: {broken\n\n") : "";
        response.end(what === "whole" ? events.join("") : cutAt(events, Number.parseInt(place, 10)) + last);
      });
      return [kind, recorder] as const;
    }),
  ),
);
const vendorOf = (kind: VendorKind) => vendors.get(kind) ?? assert.fail();

/** Even places are behind an event, odd ones in its middle. */
function cutAt(events: readonly string[], place: number): string {
  const whole = Math.floor(place / 2);
  const next = events[whole] ?? "";
  return events.slice(0, whole).join("") + (place % 2 === 0 ? "" : next.slice(0, Math.ceil(next.length / 2)));
}

const ways = ["error", "off", "continue", "hold"] as const;
type Way = (typeof ways)[number];

const house = await startHouse({
  document: {
    endpoints: kinds.map((kind) => endpointOf({ kind, url: vendorOf(kind).url + vendorKinds[kind].base })),
    models: kinds.flatMap((kind) =>
      ways.map((rescue) => ({
        name: `${rescue}-${kind}-*`,
        rescue,
        targets: [
          { endpoint: kind, model: "cut.*" },
          { endpoint: kind, model: "whole.*" },
        ],
      })),
    ),
  },
});
after(async () => {
  await house[Symbol.asyncDispose]();
  for (const vendor of vendors.values()) await vendor[Symbol.asyncDispose]();
});

interface Heard {
  readonly status: number;
  /** As a stream of its protocol, whatever carried it. */
  readonly stream: string;
  /** The connection broke. */
  readonly broken: boolean;
  readonly raw: string;
}

interface Surface {
  readonly name: string;
  readonly protocol: Generating;
  ask(model: string): Promise<Heard>;
}

async function post(path: string, body: object): Promise<Heard> {
  let raw = "";
  let broken = false;
  let status = 200;
  const decoder = new TextDecoder();
  try {
    // A connection that breaks may take its answer's head with it.
    const response = await house.post(path, body);
    status = response.status;
    for await (const chunk of response.body ?? []) raw += decoder.decode(chunk as Uint8Array, { stream: true });
  } catch {
    broken = true;
  }
  return { status, stream: raw, broken, raw };
}

const over = (protocol: Generating, path: string): Surface => ({
  name: protocol,
  protocol,
  ask: (model) => post(path, { ...asks[protocol], model }),
});
const { stream: _stream, ...geminiAsk } = asks.gemini;

const surfaces: readonly Surface[] = [
  over("openai-chat", "/v1/chat/completions"),
  over("openai-completions", "/v1/completions"),
  over("openai-responses", "/v1/responses"),
  over("anthropic-messages", "/v1/messages"),
  over("ollama", "/api/chat"),
  over("ollama-generate", "/api/generate"),
  {
    name: "gemini",
    protocol: "gemini",
    ask: (model) => post(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, geminiAsk),
  },
  {
    name: "gemini as one JSON list",
    protocol: "gemini",
    ask: async (model) => {
      const heard = await post(`/v1beta/models/${model}:streamGenerateContent`, geminiAsk);
      if (heard.broken || heard.status !== 200) return heard;
      const items = JSON.parse(heard.raw) as readonly unknown[];
      return { ...heard, stream: items.map((item) => `data: ${JSON.stringify(item)}\r\n\r\n`).join("") };
    },
  },
  { name: "openai-responses over a WebSocket", protocol: "openai-responses", ask: overSocket },
];

async function overSocket(model: string): Promise<Heard> {
  const socket = new WebSocket(`${house.url.replace("http", "ws")}/v1/responses`);
  const messages: string[] = [];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.on("open", () => socket.send(JSON.stringify({ type: "response.create", ...asks["openai-responses"], model })));
  socket.on("message", (data: Buffer) => {
    messages.push(data.toString());
    const type = field(JSON.parse(data.toString()), "type");
    const isLast = ["response.completed", "response.failed"].includes(String(type));
    if (isLast || (type === "error" && messages.length === 1)) resolve(false);
  });
  socket.on("close", () => resolve(true));
  socket.on("error", () => resolve(true));
  const broken = await promise;
  socket.terminate();
  const stream = messages
    .map((data, index) => {
      const type = String(field(JSON.parse(data), "type"));
      // Failures look otherwise on a socket.
      const numbered = type === "error" ? JSON.stringify({ ...JSON.parse(data), sequence_number: index }) : data;
      return `event: ${type}\ndata: ${numbered}\n\n`;
    })
    .join("");
  const first: unknown = messages.length === 0 ? undefined : JSON.parse(messages[0] ?? "");
  const status = field(first, "type") === "error" ? Number(field(first, "status")) : 200;
  return { status, stream, broken, raw: stream };
}

/** What differs between the ways does not depend on the place, and every other event is broken in its middle. */
function waysAt(place: number): readonly Way[] {
  if (place % 4 === 3) return [];
  return place % 10 === 0 ? ways : place % 6 === 0 ? ["error", "continue"] : ["continue"];
}

let number = 0;

/** Everything that is said in a stream but for its ids. */
function said(protocol: Generating, stream: string): Spoken {
  const heard = spoken(decoded(protocol, stream));
  return { ...heard, calls: heard.calls.map((call) => ({ ...call, id: "" })) };
}

/** Behind the finish nothing is asked again: of chat, the usage may be lost, and be 0 where it must be a number. */
function assertWhole({ protocol }: Surface, stream: string, whole: Spoken, about: string): void {
  const heard = said(protocol, stream);
  const usage = (heard.usage?.inputTokens ?? 0) === 0 ? whole.usage : heard.usage;
  assert.deepEqual(comparable({ ...heard, usage }, protocol), comparable(whole, protocol), about);
}

for (const surface of surfaces) {
  const { protocol } = surface;
  describe(`a client of ${surface.name}`, { concurrency: 4 }, () => {
    for (const kind of kinds) {
      test(`over ${kind}: an answer that breaks off anywhere`, async () => {
        const whole = await surface.ask(`hold-${kind}-${2 * streamOf(kind, "x").length}.${++number}`);
        assert.equal(endingOf(surface, kind, whole), "success", whole.raw);
        const expected = said(protocol, whole.stream);
        const failed = { error: 0, off: 0 };
        const asked = Array.from({ length: 2 * streamOf(kind, "x").length }, (_, place) => place).flatMap((place) =>
          waysAt(place).map(async (way) => {
            const isUnreadable = place % 4 === 2 && way === "continue";
            const heard = await surface.ask(`${way}-${kind}-${place}${isUnreadable ? "x" : ""}.${++number}`);
            const about = `${way}, cut at ${place}: ${heard.raw}`;
            assert.equal(heard.status, 200, about);
            if (way === "off" && heard.broken) {
              failed.off++;
              assertBeginning(surface, heard.stream, expected, about);
              return;
            }
            assert.equal(heard.broken, false, about);
            if (endingOf(surface, kind, heard) === "success")
              return assertWhole(surface, heard.stream, expected, about);
            assert.equal(way, "error", about);
            failed.error++;
            assertBeginning(surface, heard.stream, expected, about);
          }),
        );
        await Promise.all(asked);
        assert.ok(failed.error > 0 && failed.off > 0, JSON.stringify(failed));
      });
    }
  });
}

function endingOf({ protocol }: Surface, kind: VendorKind, { stream }: Heard): Ending {
  // What passes as the vendor wrote it lacks some of what we would say.
  if (kind === protocol) return said(protocol, stream).finish === undefined ? "error" : "success";
  try {
    return grammars[protocol](stream);
  } catch (error) {
    return assert.fail(`${String(error)}\n${stream}`);
  }
}

/** What came is a beginning of the answer, and does not claim to be more. */
function assertBeginning({ protocol, name }: Surface, stream: string, all: Spoken, about: string): void {
  if (name === "gemini as one JSON list" && !stream.startsWith("data:"))
    return assert.ok(!stream.trimEnd().endsWith("]"), about);
  const begun = said(protocol, stream);
  assert.ok(all.text.startsWith(begun.text) && all.reasoning.startsWith(begun.reasoning), about);
  assert.equal(begun.finish, undefined, about);
  for (const [index, call] of begun.calls.entries()) {
    const { name: called, arguments: given = "" } = all.calls[index] ?? {};
    assert.equal(call.name, called, about);
    assert.ok(given.startsWith(call.arguments) || call.arguments === "{}", about);
  }
}
