import assert from "node:assert/strict";
import type { Seen } from "../support/vendors/scene.ts";
import type { Scene, Vendor, VendorKind } from "../support/vendors/server.ts";
import type { Client, HeardCall, Place, ToolOffer, Wish } from "./client.ts";

/** One client at one backend. */
export interface Setting {
  readonly client: Client;
  readonly vendor: Vendor;
  readonly place: Place;
}

export interface Cell {
  readonly name: string;
  /** What a vendor cannot do. */
  readonly limits?: { readonly [kind in VendorKind]?: string };
  check(setting: Setting): Promise<void>;
}

const usage = { input: 21, output: 7, cached: 5 };
const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const never = (): string => {
  throw new Error("no tool was to be called");
};

const weather: ToolOffer = {
  name: "get_weather",
  description: "The weather of a city.",
  schema: {
    type: "object",
    properties: { city: { type: "string" }, days: { type: "integer" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const time: ToolOffer = {
  name: "get_time",
  description: "The time in a city.",
  schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

async function ask(setting: Setting, wish: Partial<Wish>, scene: Scene, run: (call: HeardCall) => string = never) {
  setting.vendor.play(scene);
  const heard = await setting.client.converse(setting.place, { prompt: "Say it.", stream: false, ...wish }, run);
  const last = heard.at(-1);
  assert.ok(last !== undefined);
  return { heard, last, seen: setting.vendor.seen };
}

/** What OpenAI's legacy completions have no field for, whoever serves them. */
const plainText = (lack: string): Cell["limits"] => ({
  "openai-completions": `Legacy completions take a text and give one: ${lack}.`,
});
const noTools = plainText("a request has no field for tools, and an answer none for calls");

/** Whole and streamed. */
function both(
  name: string,
  check: (setting: Setting, stream: boolean) => Promise<void>,
  limits?: Cell["limits"],
): Cell[] {
  return [false, true].map((stream) => ({
    name: stream ? `${name}, streamed` : name,
    ...(limits && { limits }),
    check: (setting) => check(setting, stream),
  }));
}

const text = both("text", async (setting, stream) => {
  const words = 'Grüße, 世界! 👋🏽 "quoted" \\ and\nlines.';
  const { last, seen } = await ask(setting, { system: "Be brief.", prompt: "Hëllo?", stream }, { text: words, usage });
  assert.equal(last.text, words);
  assert.deepEqual([last.input, last.output], [usage.input, usage.output]);
  if (stream) assert.ok(last.pieces > 1, "the text came in one piece");
  const [first] = seen;
  // Completions know of no system text: it is the prompt's first paragraph.
  const isFlat = setting.vendor.kind === "openai-completions";
  assert.equal(first?.system, isFlat ? "" : "Be brief.");
  assert.deepEqual(
    first.turns.map(({ role, text: said }) => [role, said]),
    [["user", isFlat ? "Be brief.\n\nHëllo?" : "Hëllo?"]],
  );
  assert.equal(first.model, "real");
});

const tool = both(
  "tool",
  async (setting, stream) => {
    const scene = (seen: Seen) =>
      seen.turns.at(-1)?.results.length === 0
        ? { calls: [{ name: "get_weather", arguments: '{"city":"São Paulo","days":3}' }], usage }
        : { text: "Sunny.", usage };
    const called: HeardCall[] = [];
    const { heard, last, seen } = await ask(setting, { tools: [weather], stream }, scene, (call) => {
      called.push(call);
      return "sunny, 31 °C";
    });
    assert.deepEqual(
      called.map(({ name, arguments: given }) => [name, given]),
      [["get_weather", { city: "São Paulo", days: 3 }]],
    );
    assert.equal(heard.length, 2);
    assert.equal(last.text, "Sunny.");
    assert.equal(seen[0]?.tools[0]?.name, "get_weather");
    assert.deepEqual(seen[0].tools[0].schema["required"], ["city"]);
    const second = seen[1];
    assert.ok(second !== undefined);
    const calls = second.turns.flatMap((turn) => turn.calls);
    assert.deepEqual(
      calls.map((call) => [call.name, JSON.parse(call.arguments)]),
      [["get_weather", { city: "São Paulo", days: 3 }]],
    );
    const results = second.turns.flatMap((turn) => turn.results);
    assert.equal(results.length, 1);
    assert.match(results[0]?.text ?? "", /sunny, 31 °C/);
  },
  noTools,
);

const parallel = both(
  "parallel tools",
  async (setting, stream) => {
    const calls = [
      { name: "get_weather", arguments: '{"city":"Oslo"}' },
      { name: "get_time", arguments: '{"city":"Oslo"}' },
      { name: "get_weather", arguments: '{"city":"Rome"}' },
    ];
    const scene = (seen: Seen) =>
      seen.turns.at(-1)?.results.length === 0 ? { text: "Let me look.", calls, usage } : { text: "Done.", usage };
    const { heard, last, seen } = await ask(
      setting,
      { tools: [weather, time], stream },
      scene,
      (call) => `${call.name} of ${JSON.stringify(call.arguments)}`,
    );
    assert.equal(last.text, "Done.");
    assert.deepEqual(
      heard[0]?.calls.map(({ name }) => name),
      ["get_weather", "get_time", "get_weather"],
    );
    const ids = heard[0].calls.map(({ id }) => id).filter((id) => id !== "");
    assert.equal(new Set(ids).size, ids.length);
    const results = seen[1]?.turns.flatMap((turn) => turn.results) ?? [];
    assert.equal(results.length, 3);
    assert.match(results[2]?.text ?? "", /Rome/);
  },
  noTools,
);

const noArguments = both(
  "tool without arguments",
  async (setting, stream) => {
    const scene = (seen: Seen) =>
      seen.turns.at(-1)?.results.length === 0 ? { calls: [{ name: "get_time", arguments: "{}" }] } : { text: "Noon." };
    const { last, heard } = await ask(setting, { tools: [time], stream }, scene, () => "12:00");
    assert.equal(last.text, "Noon.");
    assert.deepEqual(heard[0]?.calls[0]?.arguments, {});
  },
  noTools,
);

const picture = both(
  "image",
  async (setting, stream) => {
    const { seen } = await ask(setting, { image, stream }, { text: "A dot.", usage });
    assert.deepEqual(
      seen[0]?.turns.flatMap((turn) => turn.images),
      [image],
    );
  },
  plainText("a prompt has no place for an image"),
);

const reasoning = both(
  "reasoning",
  async (setting, stream) => {
    const scene = (seen: Seen) =>
      seen.turns.at(-1)?.results.length === 0
        ? {
            reasoning: "The tool must be asked for it.",
            calls: [{ name: "get_time", arguments: '{"city":"Oslo"}' }],
            usage,
          }
        : { reasoning: "Now it is known.", text: "Noon.", usage };
    const { heard, last, seen } = await ask(setting, { reasoning: true, tools: [time], stream }, scene, () => "12:00");
    assert.equal(last.text, "Noon.");
    assert.equal(heard[0]?.reasoning, "The tool must be asked for it.");
    assert.equal(last.reasoning, "Now it is known.");
    // Chat has no word for "as much as you like", which is what some clients ask for.
    assert.notEqual(seen[0]?.reasoning, false, "reasoning was turned off");
    const back = seen[1]?.turns.filter((turn) => turn.state.length > 0 || turn.reasoning !== "") ?? [];
    assert.equal(back.length > 0, true, "the vendor did not get its reasoning back");
  },
  plainText("neither side has a place for reasoning apart from the text"),
);

const schema = {
  type: "object",
  properties: { answer: { type: "string" }, sure: { type: "boolean" } },
  required: ["answer", "sure"],
  additionalProperties: false,
};

const structured = both(
  "JSON schema",
  async (setting, stream) => {
    const body = '{"answer":"forty-two","sure":true}';
    const { last, seen } = await ask(setting, { schema, stream }, { text: body, usage });
    assert.deepEqual(JSON.parse(last.text), { answer: "forty-two", sure: true });
    // Some clients offer a tool with the schema to models that they do not know.
    const asked = seen[0]?.output ?? seen[0]?.tools[0]?.schema;
    assert.deepEqual(asked?.["required"], ["answer", "sure"]);
  },
  plainText("a request has no field for a schema that the answer must fit"),
);

const long = both("long text", async (setting, stream) => {
  const words = Array.from({ length: 6000 }, (_, index) => `word ${index} ✓`).join("\n");
  const { last, seen } = await ask(setting, { prompt: words, stream }, { text: words, usage });
  assert.equal(last.text, words);
  assert.equal(seen[0]?.turns[0]?.text, words);
});

let faults = 0;

const errors: Cell[] = (
  [
    [400, "bad"],
    [400, "overflow"],
    [401, "auth"],
    [429, "rate"],
    [500, "server"],
    [503, "overloaded"],
  ] as const
).map(([status, kind]) => ({
  name: `error ${status} (${kind})`,
  check: async (setting) => {
    for (const stream of [false, true]) {
      setting.vendor.play({ status, kind });
      const wish = { prompt: "Say it.", stream };
      // A target that asked for a pause is left alone for a while: each of these has one of its own.
      const place = { ...setting.place, model: `${setting.place.model}-${++faults}` };
      // A wrong key of ours is not the client's fault, and a server's error is told as that of a bad gateway.
      const expected = kind === "auth" || kind === "server" ? 502 : status;
      await assert.rejects(setting.client.converse(place, wish, never), (error) => {
        assert.equal(setting.client.statusOf(error), expected, String(error));
        return true;
      });
    }
  },
}));

const cut: Cell = {
  name: "cut stream",
  check: async (setting) => {
    setting.vendor.play({ cut: true, answer: { text: "This will never be whole. ".repeat(20), usage } });
    await assert.rejects(setting.client.converse(setting.place, { prompt: "Say it.", stream: true }, never));
  },
};

const abort: Cell = {
  name: "abort",
  check: async (setting) => {
    setting.vendor.play({ hang: true, answer: { text: "This takes a while. ".repeat(20), usage } });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    const wish = { prompt: "Say it.", stream: true, signal: controller.signal };
    await setting.client.converse(setting.place, wish, never).catch(() => undefined);
    for (let waited = 0; waited < 1000 && setting.vendor.aborted === 0; waited += 20) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(setting.vendor.aborted, 1, "the vendor went on");
  },
};

export const cells: readonly Cell[] = [
  ...text,
  ...tool,
  ...parallel,
  ...noArguments,
  ...picture,
  ...reasoning,
  ...structured,
  ...long,
  ...errors,
  cut,
  abort,
];
