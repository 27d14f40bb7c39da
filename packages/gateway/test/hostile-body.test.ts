import assert from "node:assert/strict";
import { after, test } from "node:test";
import fastCheck from "fast-check";
import { documentFor, startHouse } from "./support/house.ts";
import { rawPost, rawRequest } from "./support/raw.ts";
import { field } from "./support/read-stream.ts";
import { closedPort, startUpstream } from "./support/upstream.ts";

const upstream = await startUpstream();
const trap = await startUpstream();
const house = await startHouse({
  document: documentFor(
    { up: upstream.url },
    {
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
  await trap[Symbol.asyncDispose]();
});

const path = "/v1/chat/completions";
const messages = '"messages":[{"role":"user","content":"hi"}]';
const nest = (depth: number): string => `{"model":"m","messages":${"[".repeat(depth)}${"]".repeat(depth)}}`;
const withModel = (model: string): string => `{"model":${model},${messages}}`;

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string | RegExp;
  readonly param?: string;
}

const notJson = (rest: string): Refusal => ({
  status: 400,
  code: "bad-request",
  message: `The request body is not acceptable JSON: ${rest}.`,
});
const wrongField = (message: string, param: string): Refusal => ({ status: 400, code: "bad-request", message, param });
const unknown = (message: string | RegExp): Refusal => ({
  status: 404,
  code: "model_not_found",
  message,
  param: "model",
});
const emptyModel = wrongField("The field 'model' must be a non-empty string.", "model");
const twice = (name: string, at: number): Refusal => notJson(`the field "${name}" is given twice (at byte ${at})`);

const cases: readonly (readonly [name: string, body: string | Buffer, refusal: Refusal])[] = [
  ["an empty body", "", notJson("the body is empty (at byte 0)")],
  ["blanks alone", " \n ", notJson("the body is empty (at byte 3)")],
  ["an array", "[]", notJson("the body must be a JSON object (at byte 0)")],
  ["a text", '"hi"', notJson("the body must be a JSON object (at byte 0)")],
  ["null", "null", notJson("the body must be a JSON object (at byte 0)")],
  ["half an object", '{"model":"m"', notJson("the body ends where ',' or '}' should be (at byte 12)")],
  ["two objects", `${withModel('"m"')}{}`, notJson("unexpected text behind the JSON object (at byte 57)")],
  ["a comment", `/**/${withModel('"m"')}`, notJson("the body must be a JSON object (at byte 0)")],
  ["single quotes", "{'model':'m'}", notJson("expected a string but found ''' (at byte 1)")],
  ["a trailing comma", '{"model":"m",}', notJson("expected a string but found '}' (at byte 13)")],
  ["a form's text", "model=m&messages=hi", notJson("the body must be a JSON object (at byte 0)")],
  ["a byte order mark", `\uFEFF${withModel('"m"')}`, notJson("the body must be a JSON object (at byte 0)")],
  ["UTF-16", Buffer.from(withModel('"m"'), "utf16le"), notJson("expected a string but found byte 0x00 (at byte 1)")],
  [
    "bytes that are no UTF-8",
    Buffer.from(`{"model":"m","user":"\xff",${messages}}`, "latin1"),
    { status: 400, code: "bad-request", message: "The request body is not valid UTF-8." },
  ],
  [
    "overlong UTF-8",
    Buffer.from(`{"model":"m","user":"\xc0\xaf",${messages}}`, "latin1"),
    { status: 400, code: "bad-request", message: "The request body is not valid UTF-8." },
  ],
  [
    "surrogates in UTF-8",
    Buffer.from(`{"model":"m","user":"\xed\xa0\x80",${messages}}`, "latin1"),
    { status: 400, code: "bad-request", message: "The request body is not valid UTF-8." },
  ],
  [
    "NUL between fields",
    `{"model":"m",\u0000${messages}}`,
    notJson("expected a string but found byte 0x00 (at byte 13)"),
  ],
  ["NaN", `{"model":"m","temperature":NaN}`, notJson("expected a value but found 'N' (at byte 27)")],
  ["a number beyond all", `{"model":"m","max_tokens":1e999}`, notJson("a number is out of range (at byte 26)")],
  ["depth 65", nest(64), notJson("nested deeper than 64 levels (at byte 87)")],
  ["depth 200,000", nest(199_999), notJson("nested deeper than 64 levels (at byte 87)")],
  [
    "depth without end",
    `{"model":"m","messages":${"[".repeat(300_000)}`,
    notJson("nested deeper than 64 levels (at byte 87)"),
  ],
  ["two models", `{"model":"cheap","model":"m",${messages}}`, twice("model", 17)],
  ["two models by case", `{"model":"cheap","MODEL":"m",${messages}}`, twice("MODEL", 17)],
  ["two models by escapes", `{"model":"cheap","mod\\u0065l":"m",${messages}}`, twice("model", 17)],
  ["two streams by a long s", `{"stream":false,"model":"m","\u017Ftream":true,${messages}}`, twice("\u017Ftream", 28)],
  [
    "a model in another case",
    `{"Model":"m",${messages}}`,
    wrongField("The field 'Model' must be written 'model'.", "Model"),
  ],
  [
    "a stream in another case",
    `{"model":"m","STREAM":true,${messages}}`,
    wrongField("The field 'STREAM' must be written 'stream'.", "STREAM"),
  ],
  ["no model", `{${messages}}`, wrongField("The field 'model' is missing.", "model")],
  ["a model that is null", withModel("null"), emptyModel],
  ["a model that is a number", withModel("5"), emptyModel],
  ["a model that is an object", withModel('{"m":1}'), emptyModel],
  ["a model that is a list", withModel('["m"]'), emptyModel],
  ["an empty model", withModel('""'), emptyModel],
  ["a blank model", withModel('" \\t"'), emptyModel],
  [
    "a model of 10 KB",
    withModel(`"${"m".repeat(10_000)}"`),
    wrongField("The field 'model' is longer than 512 characters.", "model"),
  ],
  [
    "a model with line breaks",
    withModel('"m\\r\\nx-evil: 1"'),
    unknown(/^The model 'm\r\nx-evil: 1' does not exist\./u),
  ],
  ["a model with NUL", withModel('"m\\u0000"'), unknown(/^The model 'm\0' does not exist\. Did you mean 'm'\?$/u)],
  ["a model of half a character", withModel('"\\ud800"'), unknown(/does not exist/u)],
  ["a model that is a face", withModel('"🦊"'), unknown(/^The model '🦊' does not exist\./u)],
  ["a model that is a URL", withModel(`"${trap.url}"`), unknown(/does not exist/u)],
  ["a model at another host", withModel('"m@evil.example"'), unknown(/does not exist/u)],
  ["the model __proto__", withModel('"__proto__"'), unknown(/does not exist/u)],
  ["the model constructor", withModel('"constructor"'), unknown(/does not exist/u)],
  ["an endpoint __proto__", withModel('"__proto__/m"'), unknown(/does not exist/u)],
  [
    "a stream that is a text",
    `{"model":"m","stream":"true",${messages}}`,
    wrongField("The field 'stream' must be true or false.", "stream"),
  ],
  [
    "a stream that is a number",
    `{"model":"m","stream":1,${messages}}`,
    wrongField("The field 'stream' must be true or false.", "stream"),
  ],
];

function post(body: string | Buffer, target = path): Promise<Response> {
  return fetch(house.url + target, { method: "POST", headers: { "content-type": "application/json" }, body });
}

for (const [name, body, refusal] of cases) {
  test(`refuses ${name} with ${refusal.status}, and calls nobody`, async () => {
    const before = upstream.count;
    const response = await post(body);
    const answer: unknown = await response.json();
    const message = field(answer, "error", "message");
    assert.equal(response.status, refusal.status);
    assert.equal(response.headers.get("content-type"), "application/json; charset=utf-8");
    assert.equal(response.headers.get("x-should-retry"), "false");
    if (typeof refusal.message === "string") assert.equal(message, refusal.message);
    else assert.match(String(message), refusal.message);
    assert.equal(field(answer, "error", "code"), refusal.code);
    assert.equal(field(answer, "error", "type"), "invalid_request_error");
    assert.equal(field(answer, "error", "param"), refusal.param ?? null);
    assert.equal(upstream.count, before);
  });
}

test("depth 64 is accepted, and dots in a path are nobody's", async () => {
  assert.equal((await post(nest(63))).status, 200);
  const answer = await rawRequest(house.port, "GET /health/../metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assert.equal(answer.status, 404);
});

/** Method, path, status, and what the message or the Allow header says. */
const routes: readonly (readonly [method: string, target: string, status: number, says: string])[] = [
  ["GET", "/v1/nothing", 404, "There is nothing at GET /v1/nothing."],
  ["POST", "/api/nothing", 404, "There is nothing at POST /api/nothing."],
  ["GET", "/admin/api/keys", 404, "There is nothing at GET /admin/api/keys."],
  ["GET", "/.env", 404, "There is nothing at GET /.env."],
  ["GET", "/v1/%61dmin", 404, "There is nothing at GET /v1/%61dmin."],
  ["POST", "/v1/chat%2Fcompletions", 404, "There is nothing at POST /v1/chat%2Fcompletions."],
  ["POST", "/V1/Chat/Completions", 404, "There is nothing at POST /V1/Chat/Completions."],
  ["GET", "/v1/..%2fmetrics", 404, "There is nothing at GET /v1/..%2fmetrics."],
  ["POST", "/v1/chat/completions;x", 404, "There is nothing at POST /v1/chat/completions;x."],
  ["GET", "/v1/chat/completions", 405, "POST"],
  ["PUT", "/v1/embeddings", 405, "POST"],
  ["DELETE", "/v1/models/m", 405, "GET"],
  ["POST", "/v1/models", 405, "GET"],
  ["POST", "/livez", 405, "GET"],
  ["PATCH", "/metrics", 405, "GET"],
];

for (const [method, target, status, says] of routes) {
  test(`${method} ${target} is answered with ${status}`, async () => {
    const before = upstream.count;
    const response = await fetch(house.url + target, { method });
    assert.equal(response.status, status);
    const text = await response.text();
    if (status === 405) assert.equal(response.headers.get("allow"), says);
    else assert.ok(text.includes(says), text.slice(0, 200));
    assert.equal(upstream.count, before);
  });
}

test("what clients get wrong in paths is forgiven", async () => {
  const good = withModel('"m"');
  const prefixes = ["/v1", "", "/api", "/api/v1", "/openai/v1", "/v1/v1"];
  const targets = prefixes.flatMap((prefix) => [`${prefix}/chat/completions`, `${prefix}/chat/completions/`]);
  for (const target of [...targets, "/v1/chat/completions?api-version=2024-06-01"]) {
    const before = upstream.count;
    const response = await post(good, target);
    assert.equal(response.status, 200, target);
    await response.text();
    assert.equal(upstream.count, before + 1, target);
    assert.equal(upstream.calls.at(-1)?.path, "/v1/chat/completions");
  }
});

const lines = (id: string): string => rawPost(path, withModel('"m"'), [`X-Request-Id: ${id}`]);

test("an id of the caller's is adopted when it is plain, and replaced when it is not", async () => {
  for (const id of ["abc-1.2:3_4", "a".repeat(128)]) {
    const answer = await rawRequest(house.port, lines(id));
    assert.ok(answer.head.includes(`x-request-id: ${id}\r\n`), answer.head);
    assert.equal(upstream.calls.at(-1)?.headers["x-request-id"], id);
  }
  for (const id of ["a b", "a".repeat(129), "a\tb", "\u00e9", "a%0d%0ab", '"><script>', "a,b", "a; rm -rf"]) {
    const answer = await rawRequest(house.port, Buffer.from(lines(id), "latin1"));
    assert.equal(answer.status, 200);
    assert.match(answer.head, /^x-request-id: req_[0-9a-f-]{36}$/mu);
    assert.match(String(upstream.calls.at(-1)?.headers["x-request-id"]), /^req_[0-9a-f-]{36}$/u);
  }
  const answer = await rawRequest(house.port, lines("a\rb"));
  assert.equal(answer.status, 400);
});

test("a key in the query is neither taken nor passed on", async () => {
  const response = await post(withModel('"m"'), `${path}?key=in-the-query`);
  assert.equal(response.status, 200);
  const call = upstream.calls.at(-1);
  assert.equal(call?.path, "/v1/chat/completions");
  assert.equal(JSON.stringify(call?.rawHeaders).includes("in-the-query"), false);
});

/** Fields and headers by which clients choose the upstream at other gateways. */
const destinationFields =
  "api_base base_url baseURL api_url endpoint url host proxy custom_llm_provider api_key organization api_version azure_endpoint vertex_location aws_bedrock_runtime_endpoint litellm_params extra_headers extra_body router fallbacks deployment_id resourceName".split(
    " ",
  );
const destinationHeaders =
  "x-portkey-custom-host x-portkey-config x-custom-host x-forwarded-host x-original-url x-rewrite-url x-base-url helicone-target-url x-target-url forwarded x-litellm-api-base".split(
    " ",
  );

test("no field and no header of a request chooses where it goes, and the key goes to the configured host alone", async () => {
  const evil = trap.url;
  const bodies = [
    ...destinationFields.map((name) => `{"model":"m","${name}":${JSON.stringify(evil)},${messages}}`),
    ...destinationFields.map((name) => `{"model":"m","${name}":{"api_base":${JSON.stringify(evil)}},${messages}}`),
  ];
  const before = upstream.count;
  for (const body of bodies) await (await post(body)).text();
  assert.equal(upstream.count - before, bodies.length);
  for (const name of destinationHeaders) {
    const answer = await rawRequest(house.port, rawPost(path, withModel('"m"'), [`${name}: ${evil}`]));
    assert.equal(answer.status, 200, name);
    const call = upstream.calls.at(-1);
    assert.equal(call?.headers[name], undefined, name);
  }
  assert.equal(trap.connections, 0);
  for (const call of upstream.calls) assert.equal(call.headers.authorization, "Bearer key-up");
});

test("no credential of the client's reaches the upstream, nor a cookie, nor who it is", async () => {
  const secret = "canary-of-the-client";
  const names = [
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "proxy-authorization",
    "x-forwarded-for",
    "referer",
    "user-agent",
  ];
  for (const name of names) {
    const value = name === "authorization" ? `Bearer ${secret}` : secret;
    const answer = await rawRequest(house.port, rawPost(path, withModel('"m"'), [`${name}: ${value}`]));
    assert.equal(answer.status, 200, name);
    const sent = JSON.stringify(upstream.calls.at(-1)?.rawHeaders);
    assert.equal(sent.includes(value), false, name);
  }
});

test("what poisons prototypes passes through without harm, as bytes and translated", async () => {
  const poison = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}';
  for (const model of ["m", "translated"]) {
    const body = `{"model":"${model}",${poison},"messages":[{"role":"user","content":"hi",${poison}}],"metadata":{${poison}}}`;
    const response = await post(body);
    assert.equal(response.status, 200, await response.text());
    assert.equal(Reflect.get({}, "polluted"), undefined);
  }
});

test("the upstream sees one model and exactly the bytes around it", async () => {
  const body = `{ "a" : 1.10, "model" :"m" ,"zahl":12345678901234567890,"s":"\\ud83e\\udd8a\\u0000" , ${messages}}`;
  await (await post(body)).text();
  assert.equal(upstream.calls.at(-1)?.body.toString(), body.replace('"m"', '"actual"'));
});

test("no text as a model, an id, an agent or a passed header ends in an error of ours", async () => {
  const anyText = fastCheck.string({ unit: "binary", maxLength: 60 });
  const anyBytes = fastCheck.uint8Array({ maxLength: 40 });
  const property = fastCheck.asyncProperty(anyText, anyBytes, async (model, bytes) => {
    const value = Buffer.from(bytes.map((byte) => (byte === 10 || byte === 13 || byte === 0 ? 32 : byte)));
    const name = ["x-request-id", "user-agent", "idempotency-key", "traceparent", "origin"][bytes.length % 5] ?? "";
    const body = JSON.stringify({
      model: bytes.length % 2 === 0 ? model : "m",
      messages: [{ role: "user", content: model }],
    });
    const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${name}: `;
    const answer = await rawRequest(
      house.port,
      Buffer.concat([Buffer.from(head), value, Buffer.from(`\r\n\r\n${body}`)]),
    );
    assert.ok(answer.status !== undefined && answer.status < 500, `${answer.head}\n${answer.body}`);
  });
  await fastCheck.assert(property, { numRuns: 150 });
});

test("a model whose endpoint has an unprintable name upstream is told in printable headers", async () => {
  const response = await post(withModel('"up/模型\\r\\n🦊"'));
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("x-patchbay-model"), encodeURIComponent("模型\r\n🦊"));
  assert.equal(field(upstream.calls.at(-1)?.json, "model"), "模型\r\n🦊");
});

test("an upstream that is not there is told without its address", async () => {
  const port = await closedPort();
  await using lonely = await startHouse({ document: documentFor({ gone: `http://127.0.0.1:${port}/v1` }) });
  const response = await lonely.post(path, { model: "gone/x", messages: [{ role: "user", content: "hi" }] });
  assert.equal(response.status, 502);
  const text = await response.text();
  assert.equal(text.includes(String(port)), false, text);
  assert.match(text, /"code":"unreachable"/u);
});
