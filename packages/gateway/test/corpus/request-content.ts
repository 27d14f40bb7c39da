import { isJsonObject } from "../../src/kernel/json.ts";
import type { Json, JsonObject } from "../../src/kernel/json.ts";

/** A text that a request tells the model, and where. */
export interface Said {
  readonly path: string;
  readonly text: string;
}

/** Fields whose texts the model reads, whatever the protocol. */
const spoken = new Set(
  (
    "text content system instructions prompt input output description thinking refusal data image_url url " +
    "reasoning_content result images tool_name"
  ).split(" "),
);

/** Fields below which every text counts: what a tool was called with, and what it answered. */
const free = new Set(["arguments", "args", "input", "response"]);

/** Top-level fields that hold a conversation, its instructions and its tools. */
const told = new Set(
  "messages input contents system systemInstruction system_instruction instructions prompt tools".split(" "),
);

/** Every text of a request that must reach the model. */
export function saidIn(body: JsonObject): readonly Said[] {
  return Object.entries(body).flatMap(([name, value]) => (told.has(name) ? [...speech(value, name, name, false)] : []));
}

function* speech(value: Json, name: string, path: string, everything: boolean): Generator<Said> {
  if (typeof value === "string") {
    const json = name === "arguments" ? parsed(value) : undefined;
    if (json !== undefined) yield* speech(json, "arguments", path, true);
    else if ((everything || spoken.has(name)) && value.trim() !== "") yield { path, text: bare(value) };
  } else if (Array.isArray(value)) {
    for (const [index, each] of (value as readonly Json[]).entries()) {
      yield* speech(each, name, `${path}[${index}]`, everything);
    }
  } else if (isJsonObject(value)) {
    for (const [inner, each] of Object.entries(value)) {
      const isCall = free.has(inner) && !Array.isArray(each);
      yield* speech(each, inner, `${path}.${inner}`, everything || (isCall && isJsonObject(each)));
    }
  }
}

/** An image's data without the frame that some protocols give it. */
function bare(text: string): string {
  return text.replace(/^data:[^,]*;base64,/, "");
}

function parsed(text: string): Json | undefined {
  try {
    const value = JSON.parse(text) as Json;
    return typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Every text of a written body in one, those within JSON texts too. */
export function blobOf(body: Json): string {
  const texts: string[] = [];
  const walk = (value: Json): void => {
    if (typeof value === "string") {
      texts.push(value);
      const json = /^\s*[[{]/.test(value) ? parsed(value) : undefined;
      if (json !== undefined) walk(json);
    } else if (Array.isArray(value)) value.forEach(walk);
    else if (isJsonObject(value)) Object.values(value).forEach(walk);
  };
  walk(body);
  return texts.join("\u0000");
}

export interface Counts {
  readonly tools: number;
  readonly calls: number;
  readonly results: number;
  readonly pictures: number;
}

/** What blocks are, by their `type`. */
const ofCalls = new Set(["tool_use", "function_call", "custom_tool_call"]);
const ofResults = new Set(["tool_result", "function_call_output", "custom_tool_call_output"]);
const ofPictures = new Set(["image", "image_url", "input_image"]);

/** The tools that a request offers for its client to run, the calls of its history and their results, and its pictures. */
export function countsOf(body: JsonObject): Counts {
  const { messages, input, contents, tools } = body;
  const items = [messages, input, contents].flatMap((list) => objects(list ?? null));
  const blocks = items.flatMap((item) => [
    item,
    ...objects(item["content"] ?? null),
    ...objects(item["parts"] ?? null),
  ]);
  const is = (types: ReadonlySet<string>) => blocks.filter(({ type }) => types.has(String(type))).length;
  const having = (name: string) => blocks.filter((block) => block[name] !== undefined).length;
  return {
    tools: objects(tools ?? null).reduce((sum, tool) => sum + toolsIn(tool), 0),
    calls:
      is(ofCalls) +
      having("functionCall") +
      items.reduce((sum, item) => sum + objects(item["tool_calls"] ?? null).length, 0),
    results: is(ofResults) + having("functionResponse") + items.filter(({ role }) => role === "tool").length,
    pictures: is(ofPictures) + having("inlineData"),
  };
}

/** The same request as it would be without tools, neither offered nor called, and without pictures. */
export function textOnly({ tools: _tools, ...body }: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [name, toolless(value)]));
}

function toolless(value: Json): Json {
  // What is left out leaves its place, so that the others keep their paths.
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => (isNoText(each) ? null : toolless(each)));
  if (!isJsonObject(value)) return value;
  const rest = Object.entries(value).filter(([name]) => name !== "tool_calls");
  return Object.fromEntries(rest.map(([name, each]) => [name, toolless(each)]));
}

function isNoText(value: Json): boolean {
  if (!isJsonObject(value)) return false;
  const type = String(value["type"]);
  if (ofCalls.has(type) || ofResults.has(type) || ofPictures.has(type) || value["role"] === "tool") return true;
  return ["functionCall", "functionResponse", "inlineData"].some((name) => value[name] !== undefined);
}

function toolsIn(tool: JsonObject): number {
  const { type, functionDeclarations } = tool;
  if (functionDeclarations !== undefined) return objects(functionDeclarations).length;
  if (type === "namespace") return objects(tool["tools"] ?? null).length;
  return type === undefined || type === "function" || type === "custom" ? 1 : 0;
}

function objects(value: Json): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
