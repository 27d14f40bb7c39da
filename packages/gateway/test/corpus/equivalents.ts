import { isJsonObject } from "../../src/kernel/json.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";

/**
 * The outcome, and the same told by other words of its protocol: what another project asserts of one form holds if it
 * holds of an equal one.
 */
export function equivalents(outcome: JsonObject, protocol: Protocol): readonly JsonObject[] {
  switch (protocol) {
    case "anthropic-messages":
      return [outcome, inBlocks(outcome), inBlocks(withoutOpening(outcome))];
    case "openai-responses":
      return [outcome, withInstructionsAsItem(outcome), developed(withInstructionsAsItem(outcome)), developed(outcome)];
    case "openai-chat":
      return [outcome, inBlocks(outcome)];
    case "gemini":
      return [outcome, renamed(outcome, geminiNames)];
    default:
      return [outcome];
  }
}

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : []);

/** Content as a list of blocks, where a text alone may stand for it. */
function inBlocks(body: JsonObject): JsonObject {
  const block = (value: Json | undefined): Json =>
    typeof value === "string" ? [{ type: "text", text: value }] : (value ?? []);
  const messages = listOf(body["messages"]).map((each) =>
    isJsonObject(each) ? { ...each, content: block(each["content"]) } : each,
  );
  return { ...body, messages, ...("system" in body && { system: block(body["system"]) }) };
}

/** Anthropic wants a user's message first: where there is none, one is written. */
function withoutOpening(body: JsonObject): JsonObject {
  const [first, ...rest] = listOf(body["messages"]);
  const isOpening = isJsonObject(first) && first["role"] === "user" && first["content"] === "Begin.";
  return isOpening ? { ...body, messages: rest } : body;
}

/** `instructions` are the same as a first message of the developer's. */
function withInstructionsAsItem({ instructions, ...body }: JsonObject): JsonObject {
  if (typeof instructions !== "string") return body;
  const content = [{ type: "input_text", text: instructions }];
  return { ...body, input: [{ type: "message", role: "developer", content }, ...listOf(body["input"])] };
}

/** OpenAI takes `system` for `developer`. */
function developed(body: JsonObject): JsonObject {
  const input = listOf(body["input"]).map((item) =>
    isJsonObject(item) && item["role"] === "system" ? { ...item, role: "developer" } : item,
  );
  return { ...body, input };
}

/** Google takes both spellings, and any name for what a function gave back. */
const geminiNames: { readonly [name: string]: string } = {
  inlineData: "inline_data",
  mimeType: "mime_type",
  functionDeclarations: "function_declarations",
  output: "result",
};

function renamed(value: JsonObject, names: { readonly [name: string]: string }): JsonObject {
  const walk = (each: Json): Json => {
    if (Array.isArray(each)) return (each as readonly Json[]).map(walk);
    return isJsonObject(each) ? renamed(each, names) : each;
  };
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) => [
      [name, walk(each)] as const,
      ...(names[name] === undefined ? [] : [[names[name], walk(each)] as const]),
    ]),
  );
}
