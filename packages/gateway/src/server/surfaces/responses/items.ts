import { isJsonObject, own } from "../../../kernel/json.ts";
import type { Json, JsonObject } from "../../../kernel/json.ts";
import { scanObject } from "../../../wire/json-scan.ts";
import type { ScannedObject } from "../../../wire/json-scan.ts";

/** Nothing that we look at here is nested deeper; what came from a client was held to less already. */
const deepest = 512;

/** The members of a JSON object, or undefined when the text is none. */
export function scan(bytes: Buffer): ScannedObject | undefined {
  const outcome = scanObject(bytes, deepest);
  return outcome.ok ? outcome.object : undefined;
}

/** The raw text of a member, sharing the memory of `bytes`. */
export function rawField(bytes: Buffer, object: ScannedObject, name: string): Buffer | undefined {
  const field = object.fields.find((candidate) => candidate.name === name);
  return field === undefined ? undefined : bytes.subarray(field.valueStart, field.valueEnd);
}

/** The object with members set to these texts, or left out where there is none; every other value keeps its bytes. */
export function withFields(
  bytes: Buffer,
  object: ScannedObject,
  changes: ReadonlyMap<string, Buffer | undefined>,
): Buffer {
  const members: Buffer[] = [];
  const member = (name: string, value: Buffer) =>
    members.push(Buffer.concat([Buffer.from(`${JSON.stringify(name)}:`), value]));
  for (const { name, keyStart, valueEnd } of object.fields) {
    if (!changes.has(name)) members.push(bytes.subarray(keyStart, valueEnd));
  }
  for (const [name, value] of changes) if (value !== undefined) member(name, value);
  return Buffer.concat([Buffer.from("{"), joined(members), Buffer.from("}")]);
}

/** Texts of items as the text of one array. */
export function arrayOf(items: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from("["), joined(items), Buffer.from("]")]);
}

function joined(texts: readonly Buffer[]): Buffer {
  const comma = Buffer.from(",");
  return Buffer.concat(texts.flatMap((text, index) => (index === 0 ? [text] : [comma, text])));
}

/** The items that the value of `input` stands for, each as JSON text; undefined where it is neither text nor a list. */
export function inputItems(value: Buffer | undefined): readonly Buffer[] | undefined {
  if (value === undefined || value.equals(nullText)) return [];
  if (value[0] === quote) return [Buffer.concat([messageHead, value, messageTail])];
  return value[0] === openBracket ? elements(value) : undefined;
}

const nullText = Buffer.from("null");
const messageHead = Buffer.from('{"type":"message","role":"user","content":[{"type":"input_text","text":');
const messageTail = Buffer.from("}]}");
const quote = 34;
const backslash = 92;
const comma = 44;
const openBracket = 91;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** The texts of an array's elements, sharing its memory. The array must be valid JSON. */
export function elements(array: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  let depth = 0;
  let start = 1;
  for (let at = 0; at < array.length; at++) {
    const code = array[at];
    if (code === quote) at = stringEnd(array, at);
    else if (code === openBracket || code === openBrace) depth++;
    else if (code === closeBracket || code === closeBrace) depth--;
    if ((depth === 1 && code === comma) || (depth === 0 && code === closeBracket)) {
      const element = trimmed(array.subarray(start, at));
      if (element.length > 0) found.push(element);
      start = at + 1;
    }
  }
  return found;
}

/** Offset of the closing quote. */
function stringEnd(bytes: Buffer, open: number): number {
  let at = open + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}

function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && (bytes[start] ?? 0) <= 32) start++;
  while (end > start && (bytes[end - 1] ?? 0) <= 32) end--;
  return bytes.subarray(start, end);
}

/** An object of the text; undefined where it is none. */
export function parseItem(text: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text.toString("utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** The text of a value. */
export function textOf(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function stringOf(object: JsonObject, name: string): string | undefined {
  const value = own(object, name);
  return typeof value === "string" ? value : undefined;
}

/** How OpenAI's ids of items begin, by type. */
const idPrefixes: { readonly [type: string]: string } = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  custom_tool_call: "ctc",
  custom_tool_call_output: "ctco",
  reasoning: "rs",
  compaction: "cmp",
};

/**
 * An item as lists show it: with a type, an id of its own and, for messages, parts in place of a plain text.
 *
 * @param seed Unique for the place that the item has, so that it has the same id whenever it is shown.
 */
export function shownItem(text: Buffer, seed: string): JsonObject {
  const item = parseItem(text) ?? {};
  const type = stringOf(item, "type") ?? "message";
  const prefix = (Object.hasOwn(idPrefixes, type) ? idPrefixes[type] : undefined) ?? "item";
  const id = stringOf(item, "id") ?? `${prefix}_${seed}`;
  if (type !== "message") return { ...item, type, id };
  const content = own(item, "content");
  const part =
    stringOf(item, "role") === "assistant" ? { type: "output_text", annotations: [] } : { type: "input_text" };
  const parts = typeof content === "string" ? [{ ...part, text: content }] : (content ?? []);
  return { ...item, type, id, status: own(item, "status") ?? "completed", content: parts };
}

export type Page = { readonly ok: true; readonly list: JsonObject } | { readonly ok: false; readonly param: string };

const longestPage = 100;
const usualPage = 20;

/**
 * A page of a list in OpenAI's shape.
 *
 * @param items In the order in which they came.
 */
export function pageOf(items: readonly JsonObject[], query: URLSearchParams): Page {
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") return { ok: false, param: "order" };
  const limit = Number(query.get("limit") ?? usualPage);
  if (!Number.isInteger(limit) || limit < 1 || limit > longestPage) return { ok: false, param: "limit" };
  const ordered = order === "asc" ? items : items.toReversed();
  const after = query.get("after");
  const place = after === null ? -1 : ordered.findIndex((item) => own(item, "id") === after);
  if (after !== null && place === -1) return { ok: false, param: "after" };
  const data = ordered.slice(place + 1, place + 1 + limit);
  const list = {
    object: "list",
    data,
    first_id: data[0]?.["id"] ?? null,
    last_id: data.at(-1)?.["id"] ?? null,
    has_more: place + 1 + limit < ordered.length,
  };
  return { ok: true, list };
}
