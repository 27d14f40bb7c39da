import assert from "node:assert/strict";
import { test } from "node:test";
import type { Codec, Dialect } from "../../kernel/codec.ts";
import { vendorOf } from "../../backends/http/vendors.ts";
import { openaiChat } from "../openai-chat/index.ts";
import { openaiCompletions } from "../openai-completions/index.ts";
import { generation } from "./support.test.ts";

const anybody: Dialect = { streamUsage: true, developerRole: true };
const openai = vendorOf("openai")?.dialect ?? assert.fail();
const five = ["a", "b", "c", "d", "e"];

/** The stop sequences that a request is written with, and what is told as lost. */
function written(codec: Codec, stop: readonly string[], dialect: Dialect) {
  const { body, losses } = codec.egress.writeRequest(generation({ sampling: { stop } }), dialect);
  return [body["stop"], losses.map(({ field, reason }) => `${field} ${reason}`)];
}

for (const codec of [openaiChat, openaiCompletions]) {
  test(`OpenAI gets the first four stop sequences in ${codec.protocol}, and the rest is told as lost`, () => {
    assert.deepEqual(written(codec, five, openai), [["a", "b", "c", "d"], ["sampling.stop approximated"]]);
    assert.deepEqual(written(codec, five.slice(1), openai), [five.slice(1), []]);
  });

  test(`who takes any number of stop sequences gets all of them in ${codec.protocol}`, () => {
    assert.deepEqual(written(codec, five, anybody), [five, []]);
  });

  test(`OpenAI, which refuses top_k and min_p, does not get them in ${codec.protocol}, and that is told`, () => {
    const request = generation({ sampling: { topK: 64, minP: 0.1, topP: 0.9, stop: five } });
    const { body, losses } = codec.egress.writeRequest(request, openai);
    assert.deepEqual(
      [body["top_k"], body["min_p"], body["top_p"], body["stop"]],
      [undefined, undefined, 0.9, five.slice(0, 4)],
    );
    assert.deepEqual(
      losses.map(({ field, reason }) => `${field} ${reason}`),
      ["sampling.topK unsupported", "sampling.minP unsupported", "sampling.stop approximated"],
    );
    const taken = codec.egress.writeRequest(request, anybody);
    assert.deepEqual([taken.body["top_k"], taken.body["min_p"], taken.losses], [64, 0.1, []]);
  });

  test(`an empty list of stop sequences is left out in ${codec.protocol}, since OpenAI takes one at least`, () => {
    assert.deepEqual(written(codec, [], openai), [undefined, []]);
  });
}
