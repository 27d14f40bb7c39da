import assert from "node:assert/strict";
import { after, test } from "node:test";
import { inTime } from "./support/in-time.ts";
import OpenAI from "openai";
import type { ChatCompletionCreateParamsNonStreaming, ChatCompletionTool } from "openai/resources/chat/completions";
import { documentFor, startHouse } from "./support/house.ts";
import { defaultText, defaultUsage } from "./support/payloads.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

/** What people do with OpenAI's own SDK, through the gateway. */

const upstream = await startUpstream({ models: ["vendor/listed"] });
const house = await startHouse({
  document: documentFor(
    { up: upstream.url },
    {
      endpoints: [
        { name: "up", type: "openai-compatible", url: upstream.url, credentials: [{ apiKey: "key-up" }] },
        { name: "poor", type: "openai-compatible", url: upstream.url, credentials: [{ apiKey: "key-poor" }] },
        { name: "sim", type: "simulator", options: { firstToken: 5, rate: 1000 } },
      ],
      models: [
        { name: "m", targets: [{ endpoint: "up", model: "actual" }] },
        { name: "translated", relay: "never", targets: [{ endpoint: "up", model: "actual" }] },
      ],
    },
  ),
});
after(async () => {
  await house[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

/** Counts what the SDK sends, so that its retries are seen. */
function newClient(options: { readonly maxRetries?: number; readonly apiKey?: string } = {}) {
  const sent: string[] = [];
  const client = new OpenAI({
    apiKey: "sk-made-up",
    baseURL: `${house.url}/v1`,
    maxRetries: 0,
    ...options,
    fetch: (url, init) => {
      sent.push(url instanceof Request ? url.url : url.toString());
      return fetch(url, init);
    },
  });
  return { client, sent };
}

const { client } = newClient();
const messages = [{ role: "user" as const, content: "hello there" }];
const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tool: ChatCompletionTool = {
  type: "function",
  function: { name: "get_weather", description: "The weather of a city.", parameters: weather },
};

/** Sets the upstream's script for the length of a test. */
function upstreamDoes(script: Behaviour | readonly Behaviour[]): Disposable {
  upstream.script(script);
  return { [Symbol.dispose]: () => upstream.script({ kind: "answer" }) };
}

/** The same text through bytes that pass, bytes that are translated, and the simulator. */
const backends: readonly (readonly [model: string, text: string, tokens: number])[] = [
  ["m", defaultText, defaultUsage.total_tokens],
  ["translated", defaultText, defaultUsage.total_tokens],
  ["echo", "hello there", 4],
];

for (const [model, text, tokens] of backends) {
  test(`${model}: a chat completion`, async () => {
    const answer = await client.chat.completions.create({ model, messages });
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices[0]?.message.content, text);
    assert.equal(answer.choices[0]?.message.role, "assistant");
    assert.equal(answer.choices[0]?.finish_reason, "stop");
    assert.equal(answer.usage?.total_tokens, tokens);
    assert.match(answer._request_id ?? "", /^req_/u);
  });

  test(`${model}: a stream, with usage when asked for and without when not`, async () => {
    for (const include of [true, false]) {
      const stream = await client.chat.completions.create({
        model,
        messages,
        stream: true,
        ...(include ? { stream_options: { include_usage: true } } : {}),
      });
      let content = "";
      const finishes: string[] = [];
      const totals: number[] = [];
      for await (const chunk of stream) {
        assert.equal(chunk.object, "chat.completion.chunk");
        assert.ok(Array.isArray(chunk.choices));
        content += chunk.choices[0]?.delta.content ?? "";
        const reason = chunk.choices[0]?.finish_reason;
        if (typeof reason === "string") finishes.push(reason);
        if (chunk.usage !== undefined && chunk.usage !== null) totals.push(chunk.usage.total_tokens);
      }
      assert.equal(content, text);
      assert.deepEqual(finishes, ["stop"]);
      assert.deepEqual(totals, include ? [tokens] : []);
    }
  });

  test(`${model}: the stream helper puts the message together`, async () => {
    const stream = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    let heard = "";
    stream.on("content", (delta) => (heard += delta));
    const final = await stream.finalChatCompletion();
    assert.equal(heard, text);
    assert.equal(final.choices[0]?.message.content, text);
    assert.equal((await stream.totalUsage()).total_tokens, tokens);
  });
}

test("tools, run by the SDK's loop until the model has its answer, streamed and not", async () => {
  const asked: unknown[] = [];
  const runnable = {
    type: "function" as const,
    function: {
      name: "get_weather",
      description: "The weather of a city.",
      parameters: weather,
      parse: (text: string): unknown => JSON.parse(text),
      function: (given: unknown) => {
        asked.push(given);
        return "sunny";
      },
    },
  };
  for (const model of ["sim/tool", "m", "translated"]) {
    using _script = upstreamDoes([
      { kind: "answer", toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"sample"}' }] },
      { kind: "answer", text: "The tool has answered." },
    ]);
    const whole = client.chat.completions.runTools({ model, messages, tools: [runnable] });
    assert.equal(await whole.finalContent(), "The tool has answered.");
    upstream.script([
      { kind: "answer", toolCalls: [{ id: "call_1", name: "get_weather", arguments: '{"city":"sample"}' }] },
      { kind: "answer", text: "The tool has answered." },
    ]);
    const streamed = client.chat.completions.runTools({ model, messages, tools: [runnable], stream: true });
    assert.equal(await streamed.finalContent(), "The tool has answered.");
    assert.deepEqual(asked.splice(0), [{ city: "sample" }, { city: "sample" }], model);
  }
});

test("a tool's call is streamed with index, id and type first", async () => {
  const stream = client.chat.completions.stream({ model: "tool", messages, tools: [tool] });
  const [call] = (await stream.finalMessage()).tool_calls ?? [];
  assert.ok(call?.type === "function");
  assert.match(call.id, /^call_/u);
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "sample" });
  assert.equal((await stream.finalChatCompletion()).choices[0]?.finish_reason, "tool_calls");
});

test("embeddings as floats, as base64 and as the SDK asks for them by itself", async () => {
  for (const model of ["m", "translated"]) {
    const asFloats = await client.embeddings.create({ model, input: ["ab", "abc"], encoding_format: "float" });
    assert.deepEqual(
      asFloats.data.map(({ embedding }) => embedding),
      [
        [0, 2, 0.5],
        [1, 3, 0.5],
      ],
      model,
    );
    const asBase64: unknown = await client.embeddings.create({ model, input: "ab", encoding_format: "base64" });
    assert.equal(
      field(asBase64, "data", 0, "embedding"),
      Buffer.from(Float32Array.of(0, 2, 0.5).buffer).toString("base64"),
    );
    if (model === "m") assert.equal(field(upstream.calls.at(-1)?.json, "encoding_format"), "base64");
    // Without the option the SDK asks for base64 and decodes it.
    const byDefault = await client.embeddings.create({ model, input: "ab" });
    assert.deepEqual(byDefault.data[0]?.embedding, [0, 2, 0.5]);
    assert.equal(byDefault.usage.prompt_tokens, 11);
  }
  const [floats, decoded] = await Promise.all([
    client.embeddings.create({ model: "embed", input: "ab", encoding_format: "float", dimensions: 16 }),
    client.embeddings.create({ model: "embed", input: "ab", dimensions: 16 }),
  ]);
  const exact = floats.data[0]?.embedding ?? [];
  assert.equal(exact.length, 16);
  assert.deepEqual(decoded.data[0]?.embedding, [...Float32Array.from(exact)]);
});

test("text completions, whole and streamed", async () => {
  for (const [model, text] of [
    ["m", defaultText],
    ["translated", defaultText],
    ["echo", "hello there"],
  ] as const) {
    const whole = await client.completions.create({ model, prompt: "hello there" });
    assert.equal(whole.object, "text_completion");
    assert.equal(whole.choices[0]?.text, text);
    assert.equal(whole.choices[0]?.finish_reason, "stop");
    let streamed = "";
    let finish: string | undefined;
    for await (const chunk of await client.completions.create({ model, prompt: "hello there", stream: true })) {
      streamed += chunk.choices[0]?.text ?? "";
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    assert.equal(streamed, text);
    assert.equal(finish, "stop");
  }
});

test("the models, all of them and one by its name with slashes", async () => {
  const names: string[] = [];
  for await (const model of client.models.list()) {
    assert.equal(model.object, "model");
    assert.ok(Number.isInteger(model.created) && model.owned_by !== "");
    names.push(model.id);
  }
  assert.deepEqual(
    names.filter((name) => ["m", "translated", "vendor/listed", "echo"].includes(name)),
    ["m", "translated", "vendor/listed", "echo"],
  );
  for (const name of ["m", "vendor/listed", "up/vendor/listed", "up/anything/at/all", "sim/echo"]) {
    assert.equal((await client.models.retrieve(name)).id, name);
  }
  await assert.rejects(client.models.retrieve("nothing"), OpenAI.NotFoundError);
});

test("Anthropic's reader of the list finds its fields too", async () => {
  const response = await fetch(`${house.url}/v1/models?limit=1000`, {
    headers: { "anthropic-version": "2023-06-01", "x-api-key": "sk-ant-made-up" },
  });
  const page: unknown = await response.json();
  const data = field(page, "data");
  assert.ok(Array.isArray(data) && data.length > 3);
  for (const model of data) {
    assert.equal(field(model, "type"), "model");
    assert.equal(typeof field(model, "display_name"), "string");
    const at = field(model, "created_at");
    assert.ok(typeof at === "string" && !Number.isNaN(Date.parse(at)));
  }
  assert.equal(field(page, "has_more"), false);
  assert.equal(field(page, "first_id"), field(data[0], "id"));
  assert.equal(field(page, "last_id"), field(data.at(-1), "id"));
});

test("n = 2, logprobs and a JSON schema come through", async () => {
  const two = await client.chat.completions.create({ model: "echo", messages, n: 2 });
  assert.deepEqual(
    two.choices.map(({ index, message }) => [index, message.content]),
    [
      [0, "hello there"],
      [1, "hello there"],
    ],
  );
  const stream = client.chat.completions.stream({ model: "echo", messages, n: 2 });
  const both = await stream.finalChatCompletion();
  assert.deepEqual(
    both.choices.map(({ message }) => message.content),
    ["hello there", "hello there"],
  );

  const logprobs = { content: [{ token: "hi", logprob: -0.5, bytes: [104, 105], top_logprobs: [] }], refusal: null };
  for (const model of ["m", "translated"]) {
    using _script = upstreamDoes({
      kind: "answer",
      body: {
        id: "c",
        object: "chat.completion",
        created: 1,
        model: "actual",
        choices: [{ index: 0, message: { role: "assistant", content: "hi" }, logprobs, finish_reason: "stop" }],
      },
    });
    const answer = await client.chat.completions.create({ model, messages, logprobs: true, top_logprobs: 2 });
    assert.deepEqual(answer.choices[0]?.logprobs, logprobs, model);
    assert.equal(field(upstream.calls.at(-1)?.json, "top_logprobs"), 2);
  }

  const schema = {
    type: "object",
    properties: { age: { type: "integer" } },
    required: ["age"],
    additionalProperties: false,
  };
  const format: ChatCompletionCreateParamsNonStreaming["response_format"] = {
    type: "json_schema",
    json_schema: { name: "person", strict: true, schema },
  };
  const json = await client.chat.completions.create({ model: "json", messages, response_format: format });
  assert.deepEqual(JSON.parse(json.choices[0]?.message.content ?? ""), { age: 1 });
  for (const model of ["m", "translated"]) {
    await client.chat.completions.create({ model, messages, response_format: format });
    assert.deepEqual(field(upstream.calls.at(-1)?.json, "response_format"), format);
  }
});

test(
  "the seed lets its model run on when the page leaves, we break the stream off upstream within 250 ms",
  { timeout: 10_000 },
  async () => {
    for (const model of ["m", "translated"]) {
      using _script = upstreamDoes({ kind: "endless-stream", pause: 5 });
      const before = upstream.count;
      const request = client.chat.completions.create({ model, messages, stream: true });
      const { data: stream, request_id: id } = await request.withResponse();
      let chunks = 0;
      let left = 0;
      for await (const _chunk of stream) {
        if (++chunks < 5) continue;
        left = performance.now();
        break;
      }
      const call = upstream.calls[before];
      await call?.ended;
      assert.equal(call?.aborted, true);
      assert.ok((call.endedAt ?? Infinity) - left < 250);
      assert.equal((await house.row(id ?? "")).failureKind, "cancelled");
    }
  },
);

test("a request that is aborted before its answer is aborted upstream", { timeout: 10_000 }, async () => {
  using _script = upstreamDoes({ kind: "silence" });
  const before = upstream.count;
  const controller = new AbortController();
  const answer = client.chat.completions.create({ model: "m", messages }, { signal: controller.signal });
  await upstream.reached(before + 1);
  const left = performance.now();
  controller.abort();
  await assert.rejects(answer, OpenAI.APIUserAbortError);
  const call = upstream.calls[before];
  await call?.ended;
  assert.equal(call?.aborted, true);
  assert.ok((call.endedAt ?? Infinity) - left < 250);
});

interface ErrorCase {
  readonly name: string;
  readonly model: string;
  readonly script: Behaviour;
  readonly type: new (...args: never[]) => Error;
  readonly status: number;
  readonly code: string;
  /** How often the SDK sends the request when it may retry once. */
  readonly sends: number;
  readonly more?: object;
}

const errorBody = (code: string | null, message = "Said so."): object => ({
  error: { message, type: "invalid_request_error", param: null, code },
});

const errorCases: readonly ErrorCase[] = [
  {
    name: "the upstream's 400",
    model: "m",
    script: { kind: "status", status: 400, body: errorBody("bad_thing") },
    type: OpenAI.BadRequestError,
    status: 400,
    code: "bad_thing",
    sends: 1,
  },
  {
    name: "a 400 of our own",
    model: "echo",
    script: { kind: "answer" },
    type: OpenAI.BadRequestError,
    status: 400,
    code: "bad-request",
    sends: 1,
    more: { messages: "no list" },
  },
  {
    name: "a key that is not good",
    model: "m",
    script: { kind: "answer" },
    type: OpenAI.AuthenticationError,
    status: 401,
    code: "invalid_api_key",
    sends: 1,
  },
  {
    name: "the upstream's 401, which is the operator's to mend",
    model: "m",
    script: { kind: "status", status: 401 },
    type: OpenAI.InternalServerError,
    status: 502,
    code: "upstream-auth",
    sends: 1,
  },
  {
    name: "a model that nobody knows",
    model: "nothing",
    script: { kind: "answer" },
    type: OpenAI.NotFoundError,
    status: 404,
    code: "model_not_found",
    sends: 1,
  },
  {
    name: "the upstream's 404",
    model: "m",
    script: { kind: "status", status: 404 },
    type: OpenAI.NotFoundError,
    status: 404,
    code: "model_not_found",
    sends: 1,
  },
  {
    name: "an exhausted quota, which a retry cannot mend",
    model: "poor/actual",
    script: {
      kind: "status",
      status: 429,
      body: { error: { message: "Quota.", type: "insufficient_quota", param: null, code: "insufficient_quota" } },
    },
    type: OpenAI.RateLimitError,
    status: 429,
    code: "insufficient_quota",
    sends: 1,
  },
  {
    name: "the upstream's 500",
    model: "m",
    script: { kind: "status", status: 500 },
    type: OpenAI.InternalServerError,
    status: 502,
    code: "upstream-error",
    sends: 2,
  },
  {
    name: "an answer that is no JSON",
    model: "m",
    script: { kind: "html" },
    type: OpenAI.InternalServerError,
    status: 502,
    code: "bad-response",
    sends: 2,
  },
];

for (const { name, model, script, type, status, code, sends, more } of errorCases) {
  test(`${name}: the SDK throws its ${type.name} and sends ${sends === 1 ? "once" : "again"}`, async () => {
    const bad = `pbk_${"0".repeat(8)}_${"0".repeat(43)}_000000`;
    const { client: retrying, sent } = newClient({ maxRetries: 1, ...(status === 401 ? { apiKey: bad } : {}) });
    // The SDK waits before it sends again, so that those cases are asked once.
    for (const stream of sends === 1 ? [false, true] : [true]) {
      using _script = upstreamDoes(script);
      const error: unknown = await retrying.chat.completions.create({ model, messages, stream, ...more }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof type && error instanceof OpenAI.APIError, String(error));
      assert.equal(error.status, status);
      assert.equal(error.code, code);
      assert.match(error.requestID ?? "", /^req_/u);
      assert.equal(sent.splice(0).length, sends);
    }
  });
}

test("a pause that the upstream asks for is waited for here when it is short, and told when it is long", async () => {
  const { client: patient, sent } = newClient({ maxRetries: 1 });
  let before = upstream.count;
  let started = performance.now();
  {
    using _script = upstreamDoes([
      { kind: "status", status: 429, headers: { "retry-after": "1" } },
      { kind: "answer" },
    ]);
    const answer = await patient.chat.completions.create({ model: "up/briefly", messages });
    assert.equal(answer.choices[0]?.message.content, defaultText);
  }
  assert.ok(performance.now() - started >= 990);
  assert.deepEqual([sent.splice(0).length, upstream.count - before], [1, 2]);

  using _script = upstreamDoes({ kind: "status", status: 429, headers: { "retry-after": "30" } });
  let turn = 0;
  await inTime(500, async () => {
    const model = `up/for long ${++turn}`;
    before = upstream.count;
    started = performance.now();
    for (const _round of [1, 2]) {
      const error: unknown = await client.chat.completions
        .create({ model, messages })
        .catch((reason: unknown) => reason);
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.headers?.get("retry-after"), "30");
      assert.equal(error.headers?.get("x-should-retry"), null);
      assert.match(error.requestID ?? "", /^req_/u);
    }
    const took = performance.now() - started;
    // The second was answered from what the first had learnt.
    assert.equal(upstream.count - before, 1);
    return took;
  });
});

test("a 429 without a time is waited for here, and asked again", async () => {
  const { client: patient, sent } = newClient({ maxRetries: 1 });
  using _script = upstreamDoes([{ kind: "status", status: 429 }, { kind: "answer" }]);
  const started = performance.now();
  const answer = await patient.chat.completions.create({ model: "up/timeless", messages });
  assert.equal(answer.choices[0]?.message.content, defaultText);
  assert.ok(performance.now() - started >= 990);
  assert.equal(sent.length, 1);
});

test("a stream that the upstream cuts throws in the SDK, and does not end well", async () => {
  for (const model of ["m", "translated", "cut"]) {
    for (const how of ["reset", "end", "eof"] as const) {
      using _script = upstreamDoes({ kind: "cut", after: 4, how });
      const stream = await client.chat.completions.create({ model, messages, stream: true });
      let content = "";
      await assert.rejects(async () => {
        for await (const chunk of stream) content += chunk.choices[0]?.delta.content ?? "";
      }, OpenAI.APIError);
      assert.notEqual(content, "");
    }
  }
});
