import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Part } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { openaiChat } from "./index.ts";

const dialect = { streamUsage: true, developerRole: false } as const;
const mark = { cache_control: { type: "ephemeral" } };

function read(body: JsonObject): GenerationRequest {
  const decoded = openaiChat.ingress.readRequest({ model: "m", ...body }, { model: "m", stream: false });
  assert.ok(decoded.ok && decoded.value.request.operation === "generate");
  return decoded.value.request;
}

/** What a part keeps for Anthropic. */
function keepOf({ keep }: Part) {
  const own = keep?.["anthropic-messages"];
  return own && { "anthropic-messages": own };
}

test("Anthropic gets the marks for caching that chat's clients set, and nobody hears of a loss", () => {
  const request = read({
    messages: [
      { role: "system", content: [{ type: "text", text: "s", ...mark }] },
      { role: "user", content: "q", ...mark },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "look", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c", content: [{ type: "text", text: "r", ...mark }] },
    ],
    tools: [{ type: "function", function: { name: "look" }, ...mark }],
  });
  const kept = { "anthropic-messages": mark };
  const marked = (role: string) =>
    request.messages.filter((message) => message.role === role).flatMap(({ parts }) => parts.map(keepOf));
  assert.deepEqual(marked("system"), [kept]);
  assert.deepEqual(marked("user"), [kept]);
  assert.deepEqual(marked("assistant"), [undefined]);
  const [result] = request.messages.at(-1)?.parts ?? [];
  assert.ok(result?.type === "tool-result");
  assert.deepEqual([keepOf(result), result.content.map(keepOf)], [kept, [undefined]]);
  assert.deepEqual(request.tools[0]?.extra?.["anthropic-messages"], mark);
  assert.deepEqual(foreignLosses(request.tools[0]?.extra, "anthropic-messages", ""), []);
});

test("of more marks than Anthropic takes the last ones stay", () => {
  const messages = Array.from({ length: 6 }, (_, index) => ({ role: "user", content: `${index}`, ...mark }));
  const marked = read({ messages }).messages.map(({ parts }) => parts.map(keepOf).some((keep) => keep !== undefined));
  assert.deepEqual(marked, [false, false, true, true, true, true]);
});

test("a video comes back as it came", () => {
  for (const url of ["data:video/mp4;base64,AAAA", "https://example.com/clip"]) {
    const messages = [{ role: "user", content: [{ type: "video_url", video_url: { url, fps: 2 }, id: 1 }] }];
    const { body, losses } = openaiChat.egress.writeRequest(read({ messages }), dialect);
    assert.deepEqual(body["messages"], messages);
    assert.deepEqual(losses, []);
  }
});

test("a turn of which nothing but lost reasoning was left is no turn", () => {
  const parts = [{ type: "reasoning", text: "hm" }] as const;
  const request: GenerationRequest = {
    ...read({ messages: [{ role: "user", content: "q" }] }),
    messages: [
      { role: "user", parts: [{ type: "text", text: "q" }] },
      { role: "assistant", parts },
      { role: "user", parts: [{ type: "text", text: "r" }] },
    ],
  };
  const { body, losses } = openaiChat.egress.writeRequest(request, dialect);
  assert.deepEqual(
    (body["messages"] as JsonObject[]).map(({ content }) => content),
    ["q", "r"],
  );
  assert.deepEqual(losses, [{ field: "messages[1].parts[0].reasoning", reason: "unsupported" }]);
});
