import assert from "node:assert/strict";
import { test } from "node:test";
import type { Dialect } from "../../kernel/codec.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";
import { asked, generation } from "../shared/support.test.ts";
import { openaiCompletions } from "./index.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };
const write = (request: Partial<GenerationRequest>, more: Partial<Dialect> = {}) =>
  openaiCompletions.egress.writeRequest(generation(request), { ...dialect, ...more });

const says =
  (role: Message["role"]) =>
  (...parts: (string | Part)[]): Message => ({
    role,
    parts: parts.map((part) => (typeof part === "string" ? { type: "text", text: part } : part)),
  });
const [system, user, assistant, tool] = [says("system"), says("user"), says("assistant"), says("tool")];

const image: Part = { type: "image", source: { kind: "url", url: "https://x.example/a.png" } };
const call: Part = { type: "tool-call", id: "a", name: "look", arguments: "{}", tool: "function" };
const result: Part = { type: "tool-result", id: "a", content: [{ type: "text", text: "a dot" }] };

/** What a conversation's prompt is, where it stops by itself, and what is told as lost. */
const conversations: readonly {
  readonly name: string;
  readonly messages: readonly Message[];
  readonly prompt: string;
  readonly stops?: true;
  readonly losses: readonly string[];
}[] = [
  {
    name: "one message is the prompt as it is, blanks and all",
    messages: [user("  Once upon a time, ")],
    prompt: "  Once upon a time, ",
    losses: [],
  },
  {
    name: "instructions and a message are two paragraphs",
    messages: [system("Be brief."), user("Hi?")],
    prompt: "Be brief.\n\nHi?",
    losses: ["messages approximated"],
  },
  {
    name: "as long as the assistant has said nothing nobody is named",
    messages: [system("Be brief."), user("This is a list."), user("Sort it.")],
    prompt: "Be brief.\n\nThis is a list.\n\nSort it.",
    losses: ["messages approximated"],
  },
  {
    name: "turns are a transcript that ends where the assistant is to speak",
    messages: [system("Be brief."), user("Hi?"), assistant("Yes."), user("And?")],
    prompt: "Be brief.\n\nUser:\nHi?\n\nAssistant:\nYes.\n\nUser:\nAnd?\n\nAssistant:\n",
    stops: true,
    losses: ["messages approximated", "sampling.stop approximated"],
  },
  {
    name: "instructions between the turns are named",
    messages: [user("Hi?"), assistant("Yes."), system("Be kind."), user("And?")],
    prompt: "User:\nHi?\n\nAssistant:\nYes.\n\nSystem:\nBe kind.\n\nUser:\nAnd?\n\nAssistant:\n",
    stops: true,
    losses: ["messages approximated", "sampling.stop approximated"],
  },
  {
    name: "an answer that has begun is gone on with, letter for letter",
    messages: [user("Count."), assistant("One, two, ")],
    prompt: "User:\nCount.\n\nAssistant:\nOne, two, ",
    stops: true,
    losses: ["messages approximated", "sampling.stop approximated"],
  },
  {
    name: "calls and results of tools are left out and told, and the assistant's turn is a new one",
    messages: [user("Look!"), assistant("I look.", call), tool(result)],
    prompt: "User:\nLook!\n\nAssistant:\nI look.\n\nAssistant:\n",
    stops: true,
    losses: [
      "messages approximated",
      "messages[1].parts[1].tool-call unsupported",
      "messages[2].parts[0].tool-result unsupported",
      "sampling.stop approximated",
    ],
  },
  {
    name: "a turn of nothing but calls leaves no empty line behind",
    messages: [user("Look!"), assistant(call), tool(result), user("Well?")],
    prompt: "Look!\n\nWell?",
    losses: [
      "messages approximated",
      "messages[1].parts[0].tool-call unsupported",
      "messages[2].parts[0].tool-result unsupported",
    ],
  },
  {
    name: "a picture is lost, a refusal is text, reasoning is nobody's",
    messages: [
      user("This?", image),
      assistant({ type: "reasoning", text: "Hm." }, { type: "refusal", text: "No." }),
      user("Why?"),
    ],
    prompt: "User:\nThis?\n\nAssistant:\nNo.\n\nUser:\nWhy?\n\nAssistant:\n",
    stops: true,
    losses: [
      "messages approximated",
      "messages[0].parts[1].image unsupported",
      "messages[1].parts[0].reasoning unsupported",
      "messages[1].parts[1].refusal approximated",
      "sampling.stop approximated",
    ],
  },
  {
    name: "a speaker's name and fields of another protocol's are told",
    messages: [{ ...user("Hi"), name: "Ada", extra: { "openai-chat": { odd: 1 } } }],
    prompt: "Hi",
    losses: ["messages[0].odd unsupported", "messages[0].name unsupported"],
  },
];

const told = (losses: readonly Loss[]) => losses.map(({ field, reason }) => `${field} ${reason}`);

for (const { name, messages, prompt, stops, losses } of conversations) {
  test(`a prompt: ${name}`, () => {
    const { body, losses: lost } = write({ messages });
    assert.equal(body["prompt"], prompt);
    assert.deepEqual(body["stop"], stops === true ? ["\nUser:"] : undefined);
    assert.deepEqual(told(lost), losses);
  });
}

const turns = [user("Hi?"), assistant("Yes."), user("And?")];

test("a transcript's own stop goes with the client's, and not beyond the four that are taken", () => {
  assert.deepEqual(write({ messages: turns, sampling: { stop: ["END"] } }).body["stop"], ["END", "\nUser:"]);
  const { body, losses } = write({ messages: turns, sampling: { stop: ["a", "b", "c", "d"] } });
  assert.deepEqual(body["stop"], ["a", "b", "c", "d"]);
  assert.deepEqual(told(losses), ["messages approximated"]);
});

const ask = [user("word ".repeat(360))];
/** 1800 characters are about 500 tokens. */
const limits: readonly (readonly [
  what: string,
  given: number | undefined,
  window: number | undefined,
  limit: number,
])[] = [
  ["the client's own", 7, 4096, 7],
  ["a quarter of the smallest window where none is known", undefined, undefined, 1024],
  ["half of what the prompt leaves of a small window", undefined, 2048, 774],
  ["no more than a model that knows no end needs", undefined, 131_072, 4096],
  ["the protocol's own where the prompt leaves nothing, and the backend says so", undefined, 100, 16],
];
for (const [what, maxOutputTokens, contextWindow, limit] of limits) {
  test(`the limit of an answer, for which the protocol has 16 by itself: ${what}`, () => {
    const given = maxOutputTokens === undefined ? {} : { maxOutputTokens };
    const { body, losses } = write({ messages: ask, ...given }, contextWindow === undefined ? {} : { contextWindow });
    assert.equal(body["max_tokens"], limit);
    assert.deepEqual(losses, []);
  });
}

/** Texts of which there are more tokens than one would think, as the tokenizer of gpt-3.5-turbo-instruct counts them. */
const dense: readonly (readonly [what: string, text: string, tokens: number])[] = [
  ["a word", "Hello", 1],
  ["Russian", "Жил-был старик со старухой у самого синего моря; они жили в ветхой землянке. ".repeat(40), 1681],
  ["Thai", "กาลครั้งหนึ่งนานมาแล้วมีชายชราคนหนึ่ง".repeat(40), 1560],
  ["digits", "3141592653589793 ".repeat(200), 1400],
];
for (const [what, text, tokens] of dense) {
  test(`the limit that we send fits behind the prompt, however it is counted: ${what}`, () => {
    const limit = Number(write({ messages: [user(text)] }, { contextWindow: 4096 }).body["max_tokens"]);
    assert.ok(limit + tokens <= 4096, `${limit} and ${tokens}`);
    assert.ok(limit > 1000, `${limit} is little`);
  });
}

test("a short prompt leaves nearly all of a small window to the answer", () => {
  assert.equal(write({ messages: [user("Hello")] }, { contextWindow: 2048 }).body["max_tokens"], 2035);
});

test("a client of the protocol that gives no limit gets its default, also where its request is written anew", () => {
  for (const body of [
    { model: "m", prompt: "Once" },
    { model: "m", prompt: "Once", max_tokens: null },
  ]) {
    const read = openaiCompletions.ingress.readRequest(body, asked(body));
    assert.ok(read.ok);
    const { body: again, losses } = openaiCompletions.egress.writeRequest(read.value.request, dialect);
    assert.deepEqual([again, losses], [{ model: "m", prompt: "Once" }, []]);
  }
});

test("reasoning that is turned off is no loss, and any other is", () => {
  const lossesOf = (reasoning: GenerationRequest["reasoning"]) =>
    told(write({ messages: [user("Hi")], ...(reasoning && { reasoning }) }).losses);
  assert.deepEqual(lossesOf({ effort: "none" }), []);
  assert.deepEqual(lossesOf({ effort: "low" }), ["reasoning unsupported"]);
  assert.deepEqual(lossesOf({}), ["reasoning unsupported"]);
});
