import { isJsonObject } from "../../kernel/json.ts";
import type { Json } from "../../kernel/json.ts";

/** How open models write a tool call as text, one template per format. `arguments` is the JSON text of an object. */
const templates: {
  readonly [format: string]: (name: string, json: string, members: readonly [string, Json][]) => string;
} = {
  "hermes-json": (name, json) => `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${json}}\n</tool_call>`,
  "qwen3-coder-xml": (name, _json, members) =>
    `<tool_call>\n<function=${name}>\n${members.map(([key, value]) => `<parameter=${key}>\n${plain(value)}\n</parameter>\n`).join("")}</function>\n</tool_call>`,
  mistral: (name, json) => `[TOOL_CALLS] [{"name": ${JSON.stringify(name)}, "arguments": ${json}}]`,
  "llama3-json": (name, json) => `<|python_tag|>{"name": ${JSON.stringify(name)}, "parameters": ${json}}`,
  pythonic: (name, _json, members) =>
    `[${name}(${members.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ")})]`,
  "deepseek-v3": (name, json) =>
    `<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>${name}\n\`\`\`json\n${json}\n\`\`\`<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
  "kimi-k2": (name, json) =>
    `<|tool_calls_section_begin|><|tool_call_begin|>functions.${name}:0<|tool_call_argument_begin|>${json}<|tool_call_end|><|tool_calls_section_end|>`,
  glm45: (name, _json, members) =>
    `<tool_call>${name}\n${members.map(([key, value]) => `<arg_key>${key}</arg_key>\n<arg_value>${plain(value)}</arg_value>\n`).join("")}</tool_call>`,
  fenced: (name, json) => `\`\`\`json\n{"tool": ${JSON.stringify(name)}, "arguments": ${json}}\n\`\`\``,
  "bare-json": (name, json) => `{"name": ${JSON.stringify(name)}, "arguments": ${json}}`,
};

/** The formats in which `tool-text:<format>` writes calls. */
export const textCallFormats: readonly string[] = Object.keys(templates);

/** A call as a model of that family writes it. @param format One of `textCallFormats`. */
export function writeTextCall(format: string, name: string, value: Json): string {
  const members = isJsonObject(value) ? Object.entries(value) : [];
  return templates[format]?.(name, JSON.stringify(value), members) ?? "";
}

function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
