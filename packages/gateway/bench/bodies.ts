/** The requests that the bench sends and the answers that its upstream gives. All deterministic. */

export const modelName = "bench";
/** Upstream answers with a digest of what it got. */
export const checkModel = "bench-check";
/** Upstream sends one event and falls silent. */
export const idleModel = "bench-idle";
export const eventsPerStream = 200;

const sentence = "Summarise the design notes below in five short points, and say which decision needs a second look. ";

function tool(index: number): object {
  const properties = Object.fromEntries(
    ["path", "pattern", "offset", "limit", "recursive"].map((name) => [
      name,
      {
        type: name === "recursive" ? "boolean" : "string",
        description: `The ${name} that tool ${index} works on, "relative" to the root.`,
      },
    ]),
  );
  return {
    type: "function",
    function: {
      name: `tool_${index}`,
      description: sentence.repeat(2),
      parameters: { type: "object", properties, required: ["path"] },
    },
  };
}

/**
 * Source text as agents read it. Its density of escapes is that of real requests or above: first turns of coding agents
 * were measured at a quote every 60 and a backslash every 90 bytes; this has one every 45 and every 30.
 */
function code(lines: number, seed: number): string {
  const rows = Array.from({ length: lines }, (_, row) => {
    switch (row % 4) {
      case 0:
        return `  // Row ${row} of part ${seed}: größer als erwartet, so it is looked up again below.\n`;
      case 1:
        return `  const value_${seed}_${row} = lookup("key-${row}", { path: "C:\\temp\\${row}" });\n`;
      case 2:
        return `  if (value_${seed}_${row - 1} !== undefined && value_${seed}_${row - 1}.length > ${row * seed}) {\n`;
      default:
        return `    results.push({ row: ${row}, value: value_${seed}_${row - 2}, seen: true });\n  }\n\n`;
    }
  });
  return rows.join("");
}

function small(model: string, stream: boolean): object {
  const notes = sentence.repeat(8);
  return {
    model,
    ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    temperature: 0.2,
    max_tokens: 256,
    messages: [
      { role: "system", content: "You are a careful assistant. Answer in plain words." },
      { role: "user", content: `${notes}"Done?"\n` },
    ],
  };
}

/** A turn of a coding agent deep in its work: 20 tools, long files read and written, about 200 KB. */
function large(model: string): object {
  const messages: object[] = [{ role: "system", content: sentence.repeat(60) }];
  for (let turn = 1; messages.length < 33; turn += 1) {
    const call = {
      id: `call_${turn}`,
      type: "function",
      function: { name: "tool_1", arguments: JSON.stringify({ path: `src/file-${turn}.ts` }) },
    };
    messages.push({ role: "user", content: `${sentence}Step ${turn}.` });
    messages.push({ role: "assistant", content: null, tool_calls: [call] });
    messages.push({ role: "tool", tool_call_id: call.id, content: code(250, turn) });
    messages.push({
      role: "assistant",
      content: `I read the file.\n\n\`\`\`ts\n${code(14, turn)}\`\`\``,
    });
  }
  return {
    model,
    temperature: 0,
    tools: Array.from({ length: 20 }, (_, index) => tool(index)),
    messages,
  };
}

export type BodyName = "small" | "large" | "stream" | "idle" | "check-small" | "check-large";

export const bodies: { readonly [name in BodyName]: string } = {
  small: JSON.stringify(small(modelName, false)),
  large: JSON.stringify(large(modelName)),
  stream: JSON.stringify(small(modelName, true)),
  idle: JSON.stringify(small(idleModel, true)),
  "check-small": JSON.stringify(small(checkModel, false)),
  "check-large": JSON.stringify(large(checkModel)),
};

const usage = {
  prompt_tokens: 212,
  completion_tokens: 96,
  total_tokens: 308,
  prompt_tokens_details: { cached_tokens: 128 },
};
const answerText = "The notes settle the storage format and leave the rollout open. ".repeat(6);

/** A whole answer of about 0.8 KB. */
export function wholeAnswer(content = answerText): string {
  const choice = {
    index: 0,
    message: { role: "assistant", content, refusal: null },
    logprobs: null,
    finish_reason: "stop",
  };
  return JSON.stringify({
    id: "chatcmpl-bench",
    object: "chat.completion",
    created: 1_700_000_000,
    model: "bench-upstream",
    choices: [choice],
    usage,
  });
}

function chunk(rest: object): string {
  const head = {
    id: "chatcmpl-bench",
    object: "chat.completion.chunk",
    created: 1_700_000_000,
    model: "bench-upstream",
  };
  return `data: ${JSON.stringify({ ...head, ...rest })}\n\n`;
}

/** The events of a stream, each as its own bytes: role, text, finish, usage and `[DONE]`, 200 in all. */
export const streamEvents: readonly Buffer[] = [
  chunk({
    choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }],
  }),
  ...Array.from({ length: eventsPerStream - 4 }, (_, index) =>
    chunk({
      choices: [{ index: 0, delta: { content: ` word-${index}` }, logprobs: null, finish_reason: null }],
    }),
  ),
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }),
  chunk({ choices: [], usage }),
  "data: [DONE]\n\n",
].map((event) => Buffer.from(event));
