import type { Json, JsonObject } from "../src/kernel/json.ts";

/** A long conversation of a coding agent's, as an OpenAI chat request. Deterministic. */

const turnsPerMegabyte = 125;
const toolsPerMegabyte = 40;

const words =
  "Read the file before you change it, keep every line that has no reason to change, and say in one sentence why. ";

function toolName(index: number): string {
  return `workspace_tool_${index}`;
}

/** A tool as agents declare them: a long description, nested objects, enumerations, lists. */
function tool(index: number): Json {
  const text = (name: string): JsonObject => ({
    type: "string",
    description: `The ${name} of tool ${index}. ${words}`,
  });
  return {
    type: "function",
    function: {
      name: toolName(index),
      description: `Tool number ${index}.\n\n${words.repeat(8)}`,
      parameters: {
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "object",
        properties: {
          path: text("path"),
          pattern: text("pattern"),
          mode: { type: "string", enum: ["content", "files", "count"], default: "files" },
          limit: { type: "integer", minimum: 1, maximum: 2000 },
          recursive: { type: ["boolean", "null"], description: "Also what lies below." },
          edits: {
            type: "array",
            minItems: 1,
            items: {
              type: "object",
              properties: { before: text("old text"), after: text("new text"), all: { type: "boolean" } },
              required: ["before", "after"],
              additionalProperties: false,
            },
          },
          where: {
            anyOf: [
              { type: "string" },
              { type: "object", properties: { line: { type: "integer" } }, required: ["line"] },
            ],
          },
        },
        required: ["path"],
        additionalProperties: false,
      },
    },
  };
}

/** Source text with the quotes, escapes and letters beyond ASCII that real files have. */
function source(turn: number, lines: number): string {
  return Array.from(
    { length: lines },
    (_, line) =>
      `${line}\t  const value_${turn}_${line} = lookup("key-${line}", { größe: ${line * turn}, at: "src\\\\${turn}" });\n`,
  ).join("");
}

/** Four messages: a question, words and a call, its result, an answer. */
function turn(number: number): readonly Json[] {
  const id = `call_${number.toString().padStart(24, "0")}`;
  const edits = [{ before: source(number, 8), after: source(number + 1, 8) }];
  const input = JSON.stringify({ path: `src/part-${number}.ts`, limit: number, edits });
  return [
    { role: "user", content: `${words.repeat(3)}Step ${number}.` },
    {
      role: "assistant",
      content: "I change it now.",
      tool_calls: [{ id, type: "function", function: { name: toolName(number % toolsPerMegabyte), arguments: input } }],
    },
    { role: "tool", tool_call_id: id, content: source(number, 51) },
    { role: "assistant", content: `It is done.\n\n\`\`\`ts\n${source(number, 8)}\`\`\`` },
  ];
}

/** So many megabytes, about: 500 messages and 40 tools are one. */
export function conversation(megabytes: number): JsonObject {
  return {
    model: "bench",
    stream: true,
    max_tokens: 8192,
    messages: [
      { role: "system", content: words.repeat(100) },
      ...Array.from({ length: turnsPerMegabyte * megabytes - 1 }, (_, index) => turn(index + 1)).flat(),
      { role: "user", content: "Go on." },
    ],
    tools: Array.from({ length: toolsPerMegabyte * megabytes }, (_, index) => tool(index)),
  };
}
