import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { field, readStream } from "./read-stream.ts";
import { defaultText } from "./payloads.ts";
import { type Behaviour, type Framing, closedPort, startUpstream } from "./upstream.ts";

const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };

function post(url: string, body: object, init: RequestInit = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    redirect: "manual",
    ...init,
  });
}

/** What a careful client sees of a whole answer. */
async function look(behaviour: Behaviour, stream: boolean): Promise<string> {
  await using upstream = await startUpstream({ script: behaviour });
  try {
    const response = await post(
      `${upstream.url}/chat/completions`,
      { ...chat, stream },
      { signal: AbortSignal.timeout(300) },
    );
    if (response.headers.get("content-type")?.startsWith("text/event-stream") === true) {
      const read = await readStream(response);
      const bad = read.events.some((event) => event.json === undefined && event.data !== "[DONE]");
      const words = [
        read.broken !== undefined && "broken",
        bad && "bad-event",
        read.error !== undefined && "error",
        read.finishReason,
        read.done && "done",
      ];
      return words.filter((word) => typeof word === "string").join(" ");
    }
    const text = await response.text();
    const first = text.slice(0, 12);
    return `${response.status} ${first}`.trim();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    return `thrown ${String(field(cause, "code") ?? (error instanceof Error ? error.name : error))}`;
  }
}

const looks: readonly [behaviour: Behaviour, stream: boolean, seen: string][] = [
  [{ kind: "answer" }, false, '200 {"id":"chatc'],
  [{ kind: "answer" }, true, "stop done"],
  [{ kind: "answer", finishReason: "length" }, true, "length done"],
  [{ kind: "stream" }, false, "stop done"],
  [{ kind: "stream-for-json" }, false, "stop done"],
  [{ kind: "json-for-stream" }, true, '200 {"id":"chatc'],
  [{ kind: "status", status: 529, body: "busy" }, false, "529 busy"],
  [{ kind: "error-body" }, false, '200 {"error":{"m'],
  [{ kind: "reset-before" }, false, "thrown ECONNRESET"],
  [{ kind: "close-before" }, false, "thrown UND_ERR_SOCKET"],
  [{ kind: "raw", bytes: "SSH-2.0-x\r\n\r\n", next: "fin" }, false, "thrown TypeError"],
  [{ kind: "silence" }, false, "thrown TimeoutError"],
  [{ kind: "slow-headers", delay: 30 }, false, '200 {"id":"chatc'],
  [{ kind: "slow-headers", delay: 3000 }, false, "thrown TimeoutError"],
  [{ kind: "slow-first-token", delay: 30, heartbeat: 10 }, true, "stop done"],
  [{ kind: "cut", after: 3, how: "reset" }, true, "broken"],
  [{ kind: "cut", after: 3, how: "fin" }, true, "broken"],
  [{ kind: "cut", after: 3, how: "short" }, true, "broken"],
  [{ kind: "cut", after: 3, how: "end" }, true, ""],
  [{ kind: "cut", after: 3, how: "eof" }, true, ""],
  [{ kind: "cut", after: 3, how: "length" }, true, ""],
  [{ kind: "stall", after: 3, heartbeat: 20 }, true, "broken"],
  [{ kind: "malformed", after: 2 }, true, "bad-event stop done"],
  [{ kind: "error-event", after: 0 }, true, "error"],
  [{ kind: "error-event", after: 2, form: "named", next: "done" }, true, "error done"],
  [{ kind: "error-event", after: 2, next: "hang" }, true, "broken error"],
  [{ kind: "reset-after-done" }, true, "broken stop done"],
  [{ kind: "hang-after-done" }, true, "broken stop done"],
  [{ kind: "html" }, true, "200 <!DOCTYPE ht"],
  [{ kind: "empty", type: "application/json" }, true, "200"],
  [{ kind: "null" }, false, "200 null"],
  [{ kind: "no-content" }, false, "204"],
  [{ kind: "redirect", status: 307, to: "http://127.0.0.1:1/" }, false, "307"],
  [{ kind: "compressed", encoding: "gzip" }, false, '200 {"id":"chatc'],
  [{ kind: "compressed", encoding: "br" }, true, "stop done"],
  [{ kind: "compressed", encoding: "gzip", fault: "lie" }, false, "thrown Z_DATA_ERROR"],
  [{ kind: "huge-line", bytes: 300_000 }, true, "stop done"],
];

for (const [behaviour, stream, seen] of looks) {
  const { kind, ...rest } = behaviour;
  test(`a client sees ${seen || "an unfinished stream"} of ${kind} ${JSON.stringify(rest)}, ${stream ? "streamed" : "whole"}`, async () => {
    assert.equal(await look(behaviour, stream), seen);
  });
}

const framings: readonly Framing[] = [
  { lineEnd: "crlf" },
  { lineEnd: "cr" },
  { space: false },
  { comments: true },
  { multiLine: true },
  { bom: true },
  { chunk: 1 },
  { chunk: 7, lineEnd: "crlf", multiLine: true },
  { chunk: "whole" },
];

for (const framing of framings) {
  test(`the text is the same framed as ${JSON.stringify(framing)}`, async () => {
    await using upstream = await startUpstream({ script: { kind: "stream", framing } });
    const read = await readStream(await post(`${upstream.url}/chat/completions`, { ...chat, stream: true }));
    assert.equal(read.text, defaultText);
    assert.equal(read.done, true);
    assert.equal(read.rest, "");
  });
}

test("a stream without its last blank line leaves its last event unfinished", async () => {
  await using upstream = await startUpstream({
    script: { kind: "stream", framing: { done: false, trailingBlank: false } },
  });
  const read = await readStream(await post(`${upstream.url}/chat/completions`, { ...chat, stream: true }));
  assert.match(read.rest, /"finish_reason":"stop"\}\]\}$/u);
});

test("calls are counted and kept with their bytes; the model list is counted apart", async () => {
  await using upstream = await startUpstream({ models: ["a", "b"] });
  const list: unknown = await (await fetch(`${upstream.url}/models`)).json();
  assert.equal(field(list, "data", 1, "id"), "b");
  await post(`${upstream.url}/chat/completions?x=1`, chat, { headers: { "X-Odd-Case": "yes" } });
  assert.equal(upstream.listings, 1);
  assert.equal(upstream.count, 1);
  const call = upstream.calls[0];
  assert.equal(call?.method, "POST");
  assert.equal(call.path, "/v1/chat/completions?x=1");
  assert.equal(call.body.toString(), JSON.stringify(chat));
  assert.deepEqual(call.json, chat);
  assert.equal(call.headers["x-odd-case"], "yes");
  assert.equal(call.aborted, false);
});

test("an array is a behaviour per call and repeats its last; a function sees the call", async () => {
  await using upstream = await startUpstream({
    script: [{ kind: "status", status: 429 }, { kind: "answer" }],
  });
  const statuses = async (): Promise<number> => (await post(`${upstream.url}/chat/completions`, chat)).status;
  assert.deepEqual([await statuses(), await statuses(), await statuses()], [429, 200, 200]);
  upstream.script((call, index) => ({
    kind: "status",
    status: call.turn > 1 && index === 0 ? 418 : 400,
  }));
  assert.deepEqual([await statuses(), await statuses()], [418, 400]);
});

test("headers of a behaviour arrive, repeated ones too", async () => {
  const headers = { "retry-after": "7", "set-cookie": ["a=1", "b=2"] };
  await using upstream = await startUpstream({ script: { kind: "status", status: 503, headers } });
  const response = await post(`${upstream.url}/chat/completions`, chat);
  assert.equal(response.headers.get("retry-after"), "7");
  assert.deepEqual(response.headers.getSetCookie(), ["a=1", "b=2"]);
});

test("a caller who leaves is seen, and when", async () => {
  for (const kind of ["silence", "endless-stream", "endless-line", "hang-after-done"] as const) {
    await using upstream = await startUpstream({ script: { kind } });
    const leaving = new AbortController();
    const response = post(`${upstream.url}/chat/completions`, { ...chat, stream: true }, { signal: leaving.signal });
    response.catch(() => {});
    await upstream.reached(1);
    if (kind !== "silence") await response;
    const left = performance.now();
    leaving.abort();
    const call = upstream.calls[0];
    await call?.ended;
    assert.equal(call?.aborted, true, kind);
    assert.ok((call.endedAt ?? 0) - left < 1000, kind);
  }
});

test("endless streams heed backpressure: an unread one stops growing", async () => {
  await using upstream = await startUpstream({ script: { kind: "endless-line" } });
  const response = await new Promise<NodeJS.ReadableStream>((resolve) => {
    const request = httpRequest(`${upstream.url}/chat/completions`, { method: "POST" }, (incoming) =>
      resolve(incoming),
    );
    request.end(JSON.stringify(chat));
  });
  response.pause();
  let before = -1;
  for (let tries = 0; tries < 50 && upstream.calls[0]?.sent !== before; tries += 1) {
    before = upstream.calls[0]?.sent ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(upstream.calls[0]?.sent, before);
  assert.ok(before < 32 * 1024 * 1024, `${before} bytes`);
});

/** Bytes of the body as they come, without decoding. */
async function bodyLength(behaviour: Behaviour): Promise<number> {
  await using upstream = await startUpstream({ script: behaviour });
  return await new Promise((resolve, reject) => {
    const request = httpRequest(`${upstream.url}/chat/completions`, { method: "POST" }, (incoming) => {
      let sum = 0;
      incoming.on("data", (chunk: Buffer) => (sum += chunk.length));
      incoming.on("end", () => resolve(sum));
    });
    request.on("error", reject);
    request.end(JSON.stringify(chat));
  });
}

test("bombs are small, a cut body is shorter than it says, deep JSON is deep", async () => {
  assert.equal(await bodyLength({ kind: "compressed", encoding: "br", fault: "bomb" }), 165);
  const whole = await bodyLength({ kind: "compressed", encoding: "gzip" });
  assert.ok((await bodyLength({ kind: "compressed", encoding: "gzip", fault: "cut" })) < whole);
  assert.ok((await bodyLength({ kind: "deep-json", depth: 10_000 })) > 20_000);
  assert.ok((await bodyLength({ kind: "truncated-json" })) > 50);
});

test("embeddings and completions answer in their own shapes", async () => {
  await using upstream = await startUpstream();
  const floats: unknown = await (await post(`${upstream.url}/embeddings`, { model: "m", input: ["ab", "c"] })).json();
  assert.deepEqual(field(floats, "data", 1, "embedding"), [1, 1, 0.5]);
  const base64: unknown = await (
    await post(`${upstream.url}/embeddings`, { model: "m", input: "ab", encoding_format: "base64" })
  ).json();
  assert.equal(
    field(base64, "data", 0, "embedding"),
    Buffer.from(Float32Array.of(0, 2, 0.5).buffer).toString("base64"),
  );
  const text: unknown = await (await post(`${upstream.url}/completions`, { model: "m", prompt: "x" })).json();
  assert.equal(field(text, "choices", 0, "text"), defaultText);
  const read = await readStream(await post(`${upstream.url}/completions`, { model: "m", prompt: "x", stream: true }));
  assert.equal(read.text, defaultText);
});

test("a streamed tool call and usage arrive, usage only when asked for", async () => {
  const toolCalls = [{ id: "call_1", name: "look", arguments: '{"at":"sky"}' }];
  await using upstream = await startUpstream({ script: { kind: "answer", toolCalls } });
  const url = `${upstream.url}/chat/completions`;
  const asked = await readStream(await post(url, { ...chat, stream: true, stream_options: { include_usage: true } }));
  const calls = asked.events.map((event) =>
    field(event.json, "choices", 0, "delta", "tool_calls", 0, "function", "arguments"),
  );
  assert.equal(calls.filter((part) => typeof part === "string").join(""), '{"at":"sky"}');
  assert.equal(asked.finishReason, "tool_calls");
  assert.equal(field(asked.usage, "total_tokens"), 18);
  const unasked = await readStream(await post(url, { ...chat, stream: true }));
  assert.equal(unasked.usage, undefined);
});

test("echo gives back the very body that came", async () => {
  await using upstream = await startUpstream({ script: { kind: "echo" } });
  const answer: unknown = await (await post(`${upstream.url}/chat/completions`, chat)).json();
  assert.equal(field(answer, "choices", 0, "message", "content"), JSON.stringify(chat));
});

test("idle connections can be closed, and nothing listens on a closed port", async () => {
  await using upstream = await startUpstream();
  await (await post(`${upstream.url}/chat/completions`, chat)).text();
  assert.equal(upstream.connections, 1);
  assert.equal(upstream.open, 1);
  upstream.closeIdle();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(upstream.open, 0);
  await assert.rejects(fetch(`http://127.0.0.1:${await closedPort()}/`));
});
