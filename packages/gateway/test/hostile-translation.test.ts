import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExactObject } from "../src/codecs/shared/exact.ts";
import type { JsonObject } from "../src/kernel/json.ts";
import type { Protocol } from "../src/kernel/protocol.ts";
import { asks } from "./support/asks.ts";
import { grammars } from "./support/grammars.ts";
import { startHouse } from "./support/house.ts";
import { codecOf, generating, Pipeline } from "./support/pipeline.ts";
import type { Generating } from "./support/pipeline.ts";
import { startUpstream } from "./support/upstream.ts";

/** What no honest client and no honest vendor would send, through all codecs. */

const pipeline = new Pipeline();

/** Bodies with every field that is a number, which is `@`. */
const counted: readonly (readonly [Protocol, string])[] = [
  [
    "openai-chat",
    `"messages":[{"role":"user","content":"q"}],"max_tokens":@,"n":@,"temperature":@,"top_p":@,"seed":@,
    "top_k":@,"min_p":@,"presence_penalty":@,"frequency_penalty":@,"logprobs":true,"top_logprobs":@`,
  ],
  [
    "openai-responses",
    `"input":"q","max_output_tokens":@,"temperature":@,"top_p":@,"top_logprobs":@,"max_tool_calls":@`,
  ],
  [
    "openai-completions",
    `"prompt":"q","max_tokens":@,"n":@,"best_of":@,"temperature":@,"top_p":@,"seed":@,"logprobs":@`,
  ],
  [
    "anthropic-messages",
    `"messages":[{"role":"user","content":"q"}],"max_tokens":@,"temperature":@,"top_p":@,"top_k":@,
    "thinking":{"type":"enabled","budget_tokens":@}`,
  ],
  [
    "gemini",
    `"contents":[{"role":"user","parts":[{"text":"q"}]}],"generationConfig":{"maxOutputTokens":@,"candidateCount":@,
    "temperature":@,"topP":@,"topK":@,"seed":@,"presencePenalty":@,"frequencyPenalty":@,"responseLogprobs":true,
    "logprobs":@,"thinkingConfig":{"thinkingBudget":@}}`,
  ],
  [
    "ollama",
    `"messages":[{"role":"user","content":"q"}],"options":{"num_predict":@,"num_ctx":@,"temperature":@,"top_p":@,
    "top_k":@,"min_p":@,"seed":@,"presence_penalty":@,"frequency_penalty":@},"top_logprobs":@`,
  ],
  ["ollama-generate", `"prompt":"q","options":{"num_predict":@,"num_ctx":@,"temperature":@,"seed":@},"keep_alive":@`],
];

const numbers = [
  "12345678901234567890",
  "-12345678901234567890",
  "9007199254740993",
  "0.12345678901234567890",
  "1e400",
];

test("numbers that a double cannot hold are refused or passed on, whatever field they stand in", () => {
  for (const [client, text] of counted) {
    const places = text.split("@").length - 1;
    for (let place = 0; place < places; place++) {
      for (const number of numbers) {
        let at = 0;
        const filled = text.replaceAll("@", () => (at++ === place ? number : "1"));
        const body = parseExactObject(`{"model":"m",${filled}}`) ?? assert.fail(filled);
        const read = codecOf(client).ingress.readRequest(body, { model: "m", stream: false });
        if (!read.ok) {
          assert.equal(read.failure.kind, "bad-request", filled);
          continue;
        }
        for (const backend of generating) {
          const written = pipeline.write(client, backend, read.value.request).body.toString();
          assert.ok(parseExactObject(written) !== undefined, `${client} to ${backend}: ${filled}`);
        }
      }
    }
  }
});

test("a seed keeps its digits", () => {
  for (const client of ["openai-chat", "ollama"] as const) {
    const seed = client === "ollama" ? `"options":{"seed":9007199254740993}` : `"seed":9007199254740993`;
    const body = parseExactObject(`{"model":"m","messages":[{"role":"user","content":"q"}],${seed}}`) ?? assert.fail();
    const read = codecOf(client).ingress.readRequest(body, { model: "m", stream: false });
    assert.ok(read.ok);
    for (const backend of ["openai-chat", "gemini", "ollama"] as const) {
      assert.match(pipeline.write(client, backend, read.value.request).body.toString(), /"seed":9007199254740993/);
    }
  }
});

test("results of calls that only the backend remembers go there, and nowhere else", () => {
  const result = { type: "function_call_output", call_id: "call_1", output: "sunny" };
  for (const past of [{ previous_response_id: "resp_1" }, { conversation: { id: "conv_1" } }]) {
    const body = { model: "m", input: [result], ...past };
    assert.deepEqual(pipeline.ask("openai-responses", "openai-responses", body).body["input"], [result]);
    const { lost } = pipeline.ask("openai-responses", "openai-chat", body);
    assert.ok(lost.includes("messages[0]") && lost.includes(Object.keys(past)[0] ?? ""), lost.join(" "));
  }
});

test("the only candidate is the answer, whatever its number", () => {
  const chat = (index: number) => ({
    id: "c",
    model: "real",
    choices: [{ index, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }],
  });
  const chunk = (index: number) =>
    `data: ${JSON.stringify({ id: "c", model: "real", choices: [{ index, delta: { content: "Yes." }, finish_reason: "stop" }] })}\n\n`;
  for (const client of generating) {
    const sent = pipeline.ask(client, "openai-chat", asks[client]);
    for (const index of [0, 1, 9]) {
      const whole = sent.whole(chat(index));
      assert.match(JSON.stringify(whole.body), /Yes\./, `${client} ${index}`);
      const told = sent.stream(chunk(index), "data: [DONE]\n\n");
      assert.equal(grammars[client](told.text), "success");
      assert.match(told.text, /Yes\./, `${client} ${index}`);
      assert.deepEqual([...whole.lost, ...told.lost], []);
    }
  }
});

test("what a vendor says of a call beside its name is there from the call's start, streamed as whole", () => {
  const caller = { type: "code_execution_20250825", tool_id: "srvtoolu_1" };
  const block = { type: "tool_use", id: "toolu_1", name: "f", input: {}, caller };
  const head = { id: "msg_1", type: "message", role: "assistant", model: "real" };
  const usage = { input_tokens: 1, output_tokens: 1 };
  const stop = { stop_reason: "tool_use", stop_sequence: null };
  const events = [
    { type: "message_start", message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage } },
    { type: "content_block_start", index: 0, content_block: block },
    { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: '{"a":1}' } },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: stop, usage },
    { type: "message_stop" },
  ];
  const sent = pipeline.ask("anthropic-messages", "anthropic-messages", asks["anthropic-messages"]);
  const told = sent.stream(...events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
  assert.equal(grammars["anthropic-messages"](told.text), "success");
  const start = told.text.split("\n").find((line) => line.includes('"content_block_start"')) ?? "";
  assert.deepEqual(JSON.parse(start.slice("data: ".length)).content_block, block);
  const whole = sent.whole({ ...head, content: [{ ...block, input: { a: 1 } }], ...stop, usage });
  assert.deepEqual(whole.body["content"], [{ ...block, input: { a: 1 } }]);
});

test("a model that is known not to reason is asked without, and the client hears of it", async () => {
  await using upstream = await startUpstream();
  const openai = { name: "openai", type: "openai", url: upstream.url, credentials: [{ apiKey: "key-openai" }] };
  await using house = await startHouse({ document: { endpoints: [openai] } });
  const body = {
    max_tokens: 4000,
    thinking: { type: "enabled", budget_tokens: 2000 },
    messages: [{ role: "user", content: "q" }],
  };
  for (const [model, reasons] of [
    ["gpt-4o", false],
    ["gpt-5", true],
  ] as const) {
    const response = await house.post("/v1/messages", { ...body, model: `openai/${model}` });
    assert.equal(response.status, 200);
    assert.equal(upstream.calls.at(-1)?.body.includes('"reasoning_effort"'), reasons, model);
    assert.equal((response.headers.get("x-patchbay-loss") ?? "").split(", ").includes("reasoning"), !reasons, model);
  }
});

test("what a client says of a picture or a document beside its content arrives, or is told as lost", () => {
  const data = "aGk=";
  const document = { type: "document", source: { type: "base64", media_type: "application/pdf", data } };
  const about = { title: "t.pdf", context: "c", citations: { enabled: true } };
  const url = `data:image/png;base64,${data}`;
  const cases: readonly (readonly [Generating, JsonObject, readonly string[]])[] = [
    [
      "anthropic-messages",
      { messages: [{ role: "user", content: [{ ...document, ...about }] }] },
      ["context", "citations", "filename"],
    ],
    [
      "openai-chat",
      { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url, detail: "low" } }] }] },
      ["detail"],
    ],
    [
      "openai-responses",
      {
        input: [
          {
            role: "user",
            content: [{ type: "input_file", filename: "f.pdf", file_data: `data:application/pdf;base64,${data}` }],
          },
        ],
      },
      ["filename"],
    ],
    [
      "gemini",
      {
        contents: [
          {
            parts: [
              { inlineData: { mimeType: "image/png", data }, mediaResolution: { level: "MEDIA_RESOLUTION_LOW" } },
            ],
          },
        ],
      },
      ["mediaResolution"],
    ],
  ];
  const values: { readonly [field: string]: string } = {
    context: '"c"',
    citations: '"citations"',
    filename: ".pdf",
    detail: "low",
    mediaResolution: "_LOW",
  };
  for (const [client, body, fields] of cases) {
    for (const backend of generating) {
      const { body: written, lost } = pipeline.ask(client, backend, { model: "m", max_tokens: 9, ...body });
      for (const field of fields) {
        const arrived = JSON.stringify(written).includes(values[field] ?? field);
        const isTold = lost.some((each) => each === "messages[0].parts[0]" || each === `messages[0].parts[0].${field}`);
        assert.ok(
          arrived !== isTold || (isTold && lost.includes("messages[0].parts[0]")),
          `${client} to ${backend}: ${field} ${lost.join(" ")}`,
        );
      }
    }
  }
  const auto = { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url, detail: "auto" } }] }] };
  assert.deepEqual(pipeline.ask("openai-chat", "gemini", { model: "m", ...auto }).lost, []);
});
