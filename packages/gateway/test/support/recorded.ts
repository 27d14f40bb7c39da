/** A stream as a backend sends it: a comment, text beyond ASCII, two tool calls, usage, and fields that nobody knows. */
const head = `"id":"chatcmpl-r1","object":"chat.completion.chunk","created":1700000000,"model":"upstream-model"`;
const payloads: readonly string[] = [
  `{${head},"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`,
  `{${head},"choices":[{"index":0,"delta":{"content":"Grüße 🦊"},"finish_reason":null}],"vendor":{"p":1.0}}`,
  `{${head},"choices":[{"index":0,"delta":{"content":"!\\n"},"finish_reason":null}]}`,
  `{${head},"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_a","type":"function","function":{"name":"look","arguments":""}}]}}]}`,
  `{${head},"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"q\\":\\"ü\\"}"}}]}}]}`,
  `{${head},"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"go","arguments":"{}"}}]}}]}`,
  `{${head},"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`,
  `{${head},"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}}`,
];

/** The recorded text of the stream's content. */
export const recordedText = "Grüße 🦊!\n";

/** The stream's bytes. */
export function recorded(lineEnd: "\n" | "\r\n"): Buffer {
  const events = [...payloads, "[DONE]"].map((payload) => `data: ${payload}${lineEnd}${lineEnd}`);
  events.splice(2, 0, `: still here${lineEnd}${lineEnd}`);
  return Buffer.from(events.join(""));
}

/** Offset behind the last byte of the JSON of the event with the finish reason: what comes before is not complete. */
export function completeAt(bytes: Buffer): number {
  return bytes.indexOf("}]}", bytes.indexOf('"finish_reason":"tool_calls"')) + 3;
}

/** Offset at which the blank line behind the first meaningful event is known: what comes before can be tried elsewhere. */
export function meaningfulAt(bytes: Buffer): number {
  const end = bytes.indexOf("}}", bytes.indexOf('"vendor"')) + 2;
  return bytes.toString("latin1", end, end + 2) === "\r\n" ? end + 3 : end + 2;
}
