import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, test } from "node:test";
import { startCanned } from "./support/canned.ts";
import { startHouse } from "./support/house.ts";
import { field, readStream } from "./support/read-stream.ts";
import type { ReadStream } from "./support/read-stream.ts";
import { completeAt, meaningfulAt, recorded, recordedText } from "./support/recorded.ts";

/** Streams that come in two pieces, or end too early, at every byte, through a running gateway. */

const streams = { lf: recorded("\n"), crlf: recorded("\r\n") };
const upstream = await startCanned((body) => {
  const { model, user } = JSON.parse(body) as { model: string; user: string };
  const [what, form] = model.split("-");
  const bytes = streams[form === "crlf" ? "crlf" : "lf"];
  const place = Number(user);
  const pieces = [bytes.subarray(0, place), ...(what === "split" ? [bytes.subarray(place)] : [])];
  return { pieces };
});
const targets = [{ endpoint: "upstream", model: "*" }];
const house = await startHouse({
  document: {
    endpoints: [{ name: "upstream", type: "openai-compatible", url: upstream.url }],
    models: [
      { name: "tapped-*", targets },
      { name: "translated-*", targets, relay: "never" },
    ],
  },
});
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

after(async () => {
  agent.destroy();
  for (const resource of [house, upstream]) await resource[Symbol.asyncDispose]();
});

interface Got {
  readonly status: number | undefined;
  readonly bytes: Buffer;
}

function post(model: string, place: number): Promise<Got> {
  const body = JSON.stringify({
    model,
    user: String(place),
    messages: [{ role: "user", content: "Hello" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Got>();
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  const sent = request(`${house.url}/v1/chat/completions`, { method: "POST", agent, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", reject);
    response.on("end", () => resolve({ status: response.statusCode, bytes: Buffer.concat(chunks) }));
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

/** Asks for every place of a stream, some at a time, and lets `check` look at each answer. */
async function everywhere(
  length: number,
  model: string,
  check: (got: Got, place: number) => void | Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let place = next++; place <= length; place = next++) await check(await post(model, place), place);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
}

for (const form of ["lf", "crlf"] as const) {
  const bytes = streams[form];
  test(`a stream (${form}) in two pieces, cut at each of its ${bytes.length} bytes, comes out byte for byte`, async () => {
    await everywhere(bytes.length, `tapped-split-${form}`, (got, place) => {
      assert.equal(got.status, 200, `cut at ${place}: ${got.bytes.toString()}`);
      assert.ok(got.bytes.equals(bytes), `cut at ${place}: ${got.bytes.toString()}`);
    });
  });
}

test("a translated stream is the same wherever it was cut into two pieces", async () => {
  const { bytes: whole } = await post("translated-split-crlf", 0);
  const { text, finishReason, done, usage } = await readStream(readable(whole));
  assert.deepEqual([text, finishReason, done], [recordedText, "tool_calls", true]);
  assert.notEqual(usage, undefined);
  await everywhere(streams.crlf.length, "translated-split-crlf", (got, place) => {
    assert.equal(got.bytes.toString(), whole.toString(), `cut at ${place}`);
  });
});

async function* readable(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** The arguments of all calls, one after the other. */
function argumentsOf(stream: ReadStream): string {
  return stream.events
    .map(({ json }) => field(json, "choices", 0, "delta", "tool_calls", 0, "function", "arguments") ?? "")
    .join("|");
}

for (const [sight, form] of [
  ["tapped", "lf"],
  ["translated", "crlf"],
] as const) {
  const bytes = streams[form];
  test(`${sight}: a stream that ends after any of its bytes is never taken for complete before it is`, async () => {
    const whole = await readStream(readable(bytes));
    const counts = { refused: 0, broken: 0, complete: 0 };
    await everywhere(bytes.length, `${sight}-end-${form}`, async (got, place) => {
      const message = `ended at ${place}: ${got.bytes.toString()}`;
      if (place < meaningfulAt(bytes)) {
        counts.refused++;
        assert.equal(got.status, 502, message);
        assert.equal(typeof field(JSON.parse(got.bytes.toString()), "error", "message"), "string", message);
        return;
      }
      assert.equal(got.status, 200, message);
      const stream = await readStream(readable(got.bytes));
      assert.equal(stream.rest, "", message);
      const errors = stream.events.filter(({ json }) => field(json, "error") !== undefined);
      if (place < completeAt(bytes)) {
        counts.broken++;
        assert.equal(errors.length, 1, message);
        assert.equal(stream.events.at(-1), errors[0], message);
        assert.equal(stream.done, false, message);
        assert.equal(stream.finishReason, undefined, message);
        assert.ok(recordedText.startsWith(stream.text), message);
        // The role chunk that a translation puts first has no arguments either.
        if (sight === "tapped") assert.ok(argumentsOf(whole).startsWith(argumentsOf(stream)), message);
        return;
      }
      counts.complete++;
      assert.deepEqual(errors, [], message);
      assert.equal(stream.finishReason, "tool_calls", message);
      assert.equal(stream.text, recordedText, message);
      assert.equal(stream.events.filter(({ data }) => data === "[DONE]").length, 1, message);
      assert.equal(stream.events.at(-1)?.data, "[DONE]", message);
    });
    assert.ok(Math.min(counts.refused, counts.broken, counts.complete) > 100, JSON.stringify(counts));
  });
}
