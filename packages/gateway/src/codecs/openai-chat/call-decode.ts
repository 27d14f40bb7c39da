import type { PartHead } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { idStem } from "../shared/id-stem.ts";
import { countOf, objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { argumentsText } from "../shared/object-arguments.ts";

interface Call {
  readonly tool: "function" | "custom";
  readonly index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  /** All arguments so far. */
  text: string;
  /** The part's number, once it was started. */
  part: number | undefined;
  /** Unknown fields of the call, with those of its `function` under that name. */
  rest: JsonObject;
}

/** One entry of `tool_calls`, as far as the backend filled it in. */
interface Fragment {
  readonly index: number | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly tool: "function" | "custom";
  readonly text: string;
  readonly rest: JsonObject;
}

interface Parts {
  open(head: PartHead): number;
  grow(part: number, text: string): void;
  close(part: number, keep: Extra | undefined): void;
}

const callFields = new Set(["index", "id", "type", "function", "custom"]);
const functionFields = new Set(["name", "arguments", "input"]);

/**
 * Puts the fragments of a candidate's tool calls together. A call starts once its name and id are known; an id
 * that never comes is made up from the answer's id, always the same for the same answer. A call without a name
 * is no call.
 */
export class CallTable {
  readonly #calls: Call[] = [];
  readonly #idStem: string;
  readonly #parts: Parts;
  started = 0;

  /** `stem` tells the answer and candidate apart from others in made-up ids. */
  constructor(stem: string, parts: Parts) {
    this.#idStem = `call_${idStem(stem)}`;
    this.#parts = parts;
  }

  /** The entries of one delta; of a whole message, where each entry is a call of its own. */
  read(entries: readonly Json[], whole: boolean): void {
    for (const [place, item] of entries.entries()) {
      const entry = objectOf(item);
      if (entry === undefined) continue;
      const fragment = readFragment(entry);
      this.#grow((whole ? undefined : this.#find(fragment, place)) ?? this.#add(fragment), fragment);
    }
  }

  /** The legacy `function_call`, of which there is one at most. */
  readLegacy(call: JsonObject): void {
    const fragment = readFragment({ index: 0, type: "function", function: call });
    const found = this.#calls[0] ?? this.#add(fragment);
    this.#grow(found, fragment);
    // This form has no ids to wait for.
    this.#settle(found);
  }

  close(): void {
    for (const call of this.#calls) {
      this.#settle(call);
      if (call.part === undefined) continue;
      const keep = unlessEmpty(call.rest);
      this.#parts.close(call.part, keep && { "openai-chat": keep });
    }
  }

  #find(fragment: Fragment, place: number): Call | undefined {
    const last = this.#calls.at(-1);
    if (fragment.index !== undefined) {
      const found = this.#calls.findLast((call) => call.index === fragment.index);
      return found !== undefined && startsAnother(found, fragment) ? undefined : found;
    }
    const { id, name } = fragment;
    if (id !== undefined) {
      const found = this.#calls.findLast((call) => call.id === id);
      if (found !== undefined || name !== undefined) return found;
      // A name tells a new call; an id alone is a late one, or one that the backend makes up for every delta.
      return last;
    }
    if (name === undefined) return last;
    if (place > 0 && place >= this.#calls.length) return undefined;
    const found = place > 0 ? this.#calls[place] : last;
    return found !== undefined && startsAnother(found, fragment) ? undefined : found;
  }

  #add(fragment: Fragment): Call {
    // A call that still waits for its id goes before this one.
    for (const call of this.#calls) this.#settle(call);
    const { tool, index } = fragment;
    const call: Call = {
      tool,
      index,
      id: undefined,
      name: undefined,
      text: "",
      part: undefined,
      rest: {},
    };
    this.#calls.push(call);
    return call;
  }

  #grow(call: Call, fragment: Fragment): void {
    call.id ??= fragment.id;
    call.name ??= fragment.name;
    call.text += fragment.text;
    if (Object.keys(fragment.rest).length > 0) call.rest = { ...call.rest, ...fragment.rest };
    if (call.part === undefined) {
      if (call.id !== undefined && call.name !== undefined) this.#start(call, call.id, call.name);
    } else if (fragment.text !== "") {
      this.#parts.grow(call.part, fragment.text);
    }
  }

  /** Starts a call that has a name, with an id of our own if it must be. */
  #settle(call: Call): void {
    if (call.part !== undefined || call.name === undefined) return;
    this.#start(call, call.id ?? `${this.#idStem}_${this.#calls.indexOf(call)}`, call.name);
  }

  #start(call: Call, id: string, name: string): void {
    call.id = id;
    call.part = this.#parts.open({ type: "tool-call", id, name, tool: call.tool });
    this.started += 1;
    if (call.text !== "") this.#parts.grow(call.part, call.text);
  }
}

function readFragment(entry: JsonObject): Fragment {
  const custom = objectOf(entry["custom"]);
  const called = objectOf(entry["function"]) ?? custom ?? {};
  const inner = unlessEmpty(without(called, functionFields));
  const tool = custom !== undefined && entry["function"] === undefined ? "custom" : "function";
  return {
    index: countOf(entry["index"]),
    id: textOf(entry["id"]),
    name: textOf(called["name"]),
    tool,
    text: argumentsText(called["arguments"] ?? called["input"]),
    rest: { ...without(entry, callFields), ...(inner && { [tool]: inner }) },
  };
}

/**
 * Whether a fragment with a call's index begins another call: some backends give every call the index 0. A name
 * that only repeats itself is no sign, unless the call before it is complete.
 */
function startsAnother(call: Call, fragment: Fragment): boolean {
  if (fragment.name === undefined || call.name === undefined) return false;
  const sameId = fragment.id === undefined || call.id === undefined || fragment.id === call.id;
  if (sameId && fragment.index !== undefined) return false;
  return fragment.name !== call.name || isComplete(call.text);
}

function isComplete(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
