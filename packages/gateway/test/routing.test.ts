import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { startHouse } from "./support/house.ts";
import { field } from "./support/read-stream.ts";
import { startUpstream } from "./support/upstream.ts";
import type { Behaviour } from "./support/upstream.ts";

const names = ["a", "b", "c"] as const;
const good: Behaviour = { kind: "answer" };
const upstreams = await Promise.all(names.map(() => startUpstream({ models: [] })));
const [a, b, c] = upstreams;
assert.ok(a !== undefined && b !== undefined && c !== undefined);

const facts = [
  { contextWindow: 2_000, tools: false, price: { input: 5, output: 5 } },
  { inputModalities: ["text"], contextWindow: 2_000, price: { input: 1, output: 1 } },
  { contextWindow: 100_000 },
];
const targets = names.map((endpoint) => ({ endpoint, model: "m" }));
const document = {
  endpoints: upstreams.map(({ url }, index) => ({
    name: names[index],
    type: "openai-compatible",
    url,
    credentials: [{ apiKey: `key-${names[index]}` }],
    models: [{ id: "m", ...facts[index] }],
  })),
  models: [
    { name: "ordered", targets },
    { name: "few", targets, failover: { attempts: 2 } },
    { name: "turns", strategy: "rotate", targets },
    {
      name: "shares",
      strategy: "weighted",
      targets: targets.map((each, index) => ({ ...each, weight: [3, 0, 1][index] })),
    },
    { name: "cheap", strategy: "cheapest", targets },
    // A model that nothing else here asks for.
    { name: "quick", strategy: "fastest", targets: targets.map((each) => ({ ...each, model: "q" })) },
    { name: "twin", strategy: "duplicate", targets: [{ endpoint: "a", model: "u" }] },
    { name: "other", targets: [{ endpoint: "b", model: "u" }] },
    { name: "team/*", targets: [{ endpoint: "a", model: "*" }] },
  ],
  families: { lite: "ordered" },
  fallback: "cheap",
};
const house = await startHouse({ document });

after(async () => {
  for (const resource of [house, ...upstreams]) await resource[Symbol.asyncDispose]();
});

beforeEach(() => {
  for (const upstream of upstreams) upstream.script(good);
});

const messages = [{ role: "user", content: "hi" }];

/** Asks, and tells who answered. */
async function ask(model: string, more: object = {}, headers: { readonly [name: string]: string } = {}) {
  const response = await house.post("/v1/chat/completions", { model, messages, ...more }, headers);
  const body: unknown = await response.json();
  return {
    status: response.status,
    endpoint: response.headers.get("x-patchbay-endpoint"),
    attempts: response.headers.get("x-patchbay-attempts"),
    id: response.headers.get("x-request-id") ?? "",
    body,
  };
}

async function askWith(model: string) {
  const response = await house.post("/v1/chat/completions", { model, messages });
  await response.text();
  return { status: response.status, headers: response.headers, id: response.headers.get("x-request-id") ?? "" };
}

async function askers(model: string, count: number, more: object = {}): Promise<string> {
  let told = "";
  for (let turn = 0; turn < count; turn++) told += (await ask(model, more)).endpoint ?? "-";
  return told;
}

test("targets have turns, and shares", async () => {
  assert.equal(await askers("turns", 6), "abcabc");
  assert.equal(await askers("shares", 8), "aacaaaca");
});

test("the cheapest is asked, and who costs nobody knows what last", async () => {
  assert.equal(await askers("cheap", 2), "bb");
  b.script({ kind: "status", status: 500 });
  assert.equal(await askers("cheap", 1), "a");
});

test("the fastest: whoever was never asked is asked, then the faster of two", async () => {
  c.script({ kind: "slow-headers", delay: 500 });
  // Each time two of three are looked at, at random.
  const first = await askers("quick", 15);
  for (const name of names) assert.ok(first.includes(name), first);
  assert.equal(first.split("c").length, 2, first);
  assert.match(await askers("quick", 10), /^[ab]+$/u);
});

test("a virtual model of the same actual model stands in", async () => {
  a.script({ kind: "status", status: 500 });
  const { endpoint, attempts } = await ask("twin");
  assert.deepEqual([endpoint, attempts], ["b", "2"]);
});

test("what a model is known not to do goes to another", async () => {
  const image = [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:image/png;base64,AA" } }] }];
  const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
  assert.equal((await ask("ordered", { tools })).endpoint, "b");
  assert.equal((await ask("ordered", { messages: image })).endpoint, "a");
  const { endpoint, id } = await ask("ordered", { messages: image, tools });
  assert.equal(endpoint, "c");
  const { route = "" } = await house.row(id);
  const record: unknown = JSON.parse(route);
  assert.equal(field(record, "excluded", 0, "reason"), "the model cannot call tools");
  assert.equal(field(record, "excluded", 1, "reason"), "the model takes no images");
  assert.equal((await ask("ordered", { messages: [{ role: "user", content: "word ".repeat(2_000) }] })).endpoint, "c");
});

test("a prompt that turns out too long goes to a larger model at once, and never to one of the same size", async () => {
  const overflow = { error: { message: "maximum context length is 2000 tokens", code: "context_length_exceeded" } };
  a.script({ kind: "status", status: 400, body: JSON.stringify(overflow) } as Behaviour);
  const before = b.count;
  const { status, endpoint, attempts, id } = await ask("few");
  assert.deepEqual([status, endpoint, attempts, b.count - before], [200, "c", "2", 0]);
  const record: unknown = JSON.parse((await house.row(id)).route ?? "");
  assert.equal(field(record, "failed", 0, "failure"), "context-overflow");
});

test("a conversation stays with its target, by its opening or by the client's word", async () => {
  const opening = [{ role: "user", content: "Where do I stay?" }];
  const { endpoint: first } = await ask("turns", { messages: opening });
  const later = [...opening, { role: "assistant", content: "Here." }, { role: "user", content: "Sure?" }];
  for (let turn = 0; turn < 4; turn++) assert.equal((await ask("turns", { messages: later })).endpoint, first);
  const { endpoint: named } = await ask("turns", {}, { "x-session-id": "one" });
  for (let turn = 0; turn < 4; turn++) {
    assert.equal((await ask("turns", {}, { "x-session-id": "one" })).endpoint, named);
  }
});

test("a conversation that goes on stays with one of an endpoint's credentials, others spread over all", async () => {
  await using upstream = await startUpstream({ models: [] });
  const credentials = ["one", "two", "three"].map((apiKey) => ({ apiKey }));
  await using keyed = await startHouse({
    document: { endpoints: [{ name: "up", type: "openai-compatible", url: upstream.url, credentials }] },
  });
  const say = async (opening: string, turns: number): Promise<string | undefined> => {
    const said = Array.from({ length: turns }, (_, turn) => [
      { role: "assistant", content: `Answer ${turn}.` },
      { role: "user", content: "And then?" },
    ]);
    const body = { model: "up/m", messages: [{ role: "user", content: opening }, ...said.flat()] };
    await (await keyed.post("/v1/chat/completions", body)).text();
    return upstream.calls.at(-1)?.headers.authorization;
  };
  const begun = new Set<string | undefined>();
  for (let turn = 0; turn < 3; turn++) begun.add(await say("Hello.", 0));
  assert.equal(begun.size, 3, "what begins goes round");
  const kept = new Set<string | undefined>();
  for (let turn = 1; turn <= 6; turn++) kept.add(await say("Where do I stay?", turn));
  assert.equal(kept.size, 1);
  const all = new Set<string | undefined>();
  for (let conversation = 0; conversation < 30; conversation++) all.add(await say(`Number ${conversation}.`, 1));
  assert.equal(all.size, 3);
});

test("names are understood, and who stands in is told", async () => {
  const understood = async (name: string): Promise<readonly unknown[]> => {
    const { id, endpoint } = await ask(name);
    const { route = "{}", virtualModel, requestedModel } = await house.row(id);
    return [requestedModel, virtualModel, endpoint, field(JSON.parse(route), "understood", "by")];
  };
  assert.deepEqual(await understood("ordered-20250929"), ["ordered-20250929", "ordered", "a", "variant"]);
  assert.deepEqual(await understood("ORDERED"), ["ORDERED", "ordered", "a", "case"]);
  assert.deepEqual(await understood("gpt-9-mini"), ["gpt-9-mini", "ordered", "a", "family"]);
  assert.deepEqual(await understood("who-knows"), ["who-knows", "cheap", "b", "fallback"]);
  const { id } = await ask("ordered");
  const plain: unknown = JSON.parse((await house.row(id)).route ?? "");
  assert.deepEqual([field(plain, "understood"), field(plain, "winner")], [undefined, "a/m"]);
});

test("a key that is limited to a model reaches no other by another name", async () => {
  const { key } = await house.issue({ models: ["ordered", "twin"] });
  const authorization = `Bearer ${key}`;
  const statuses: number[] = [];
  for (const name of ["ordered", "ordered-latest", "who-knows", "cheap", "CHEAP"]) {
    statuses.push((await ask(name, {}, { authorization })).status);
  }
  assert.deepEqual(statuses, [200, 200, 403, 403, 403]);
  a.script({ kind: "status", status: 500 });
  const before = b.count;
  assert.equal((await ask("twin", {}, { authorization })).status, 502);
  assert.equal(b.count, before, "the duplicate belongs to a model that the key may not use");
});

/** Names that would end a header, a line of the log or a JSON text, if they were not written as data. */
const odd = ["模型🙂", "x\r\nx-evil: 1", 'quote"and\\', "\u0000", "\u202eflip", "$&", "*", "__proto__"];
for (const name of odd) {
  test(`the name team/${JSON.stringify(name)} arrives as it is, and does no harm on its way`, async () => {
    const before = a.count;
    const { status, id, headers } = await askWith(`team/${name}`);
    assert.equal(status, 200);
    assert.equal(headers.get("x-evil"), null);
    assert.equal(a.count - before, 1);
    assert.equal(field(a.calls.at(-1)?.json, "model"), name);
    const { route = "", requestedModel } = await house.row(id);
    assert.equal(requestedModel, `team/${name}`);
    assert.equal(field(JSON.parse(route), "winner"), `a/${name}`);
    const told = await fetch(
      `${house.url}/admin/api/route?${new URLSearchParams({ model: `team/${name}` }).toString()}`,
    );
    assert.equal(field(await told.json(), "winner"), `a/${name}`);
  });
}

test("turns go on through a reload, and who is away meanwhile is not owed them all at once", async () => {
  const turns = async (count: number): Promise<string> => askers("turns", count);
  const first = await turns(1);
  house.app.reload(JSON.stringify(document));
  const next = names[(names.findIndex((name) => name === first) + 1) % 3] ?? "";
  assert.equal(await turns(1), next, "as if nothing had happened");
  const [, ...others] = document.endpoints;
  house.app.reload(
    JSON.stringify({ ...document, endpoints: [{ ...document.endpoints[0], enabled: false }, ...others] }),
  );
  assert.match(await turns(20), /^(?:bc|cb)+$/u);
  house.app.reload(JSON.stringify(document));
  const back = await turns(6);
  assert.ok(
    ["a", "b", "c"].every((name) => back.split(name).length - 1 >= 1),
    back,
  );
  assert.ok(back.split("a").length - 1 <= 3, back);
});
