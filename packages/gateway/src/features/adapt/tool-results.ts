import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Message, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/** What a tool is said to have given when the conversation went on without its result. */
const noOutput = "No output of this call was recorded: it was interrupted, or its result was lost.";

/**
 * Puts the results of tool calls directly behind the message of the calls, in the order of the calls, and what came
 * between behind them. A result without a call, and a second one of the same call, is left out. A call that the
 * conversation passed over gets a result that says so; calls in the last message wait for theirs. Where the backend
 * keeps what came before, it alone knows the calls.
 */
export const toolResults: Pass = (request, { protocol }) => {
  if (isOrderly(request.messages) || isContinued(request.extra?.[protocol])) return unchanged(request);
  const losses: Loss[] = [];
  const turns = link(withWholeTurns(request.messages), losses);
  return { request: { ...request, messages: lineUp(turns, losses) }, losses };
};

function isContinued(own: JsonObject | undefined): boolean {
  return (
    own !== undefined && (typeof own["previous_response_id"] === "string" || (own["conversation"] ?? null) !== null)
  );
}

/** One look without a copy: every call is followed by its results, in order, before anything else is said. */
function isOrderly(messages: readonly Message[]): boolean {
  let waiting: string[] = [];
  let place = 0;
  for (const [index, { parts }] of messages.entries()) {
    const calls: string[] = [];
    for (const part of parts) {
      if (part.type === "tool-result") {
        if (waiting[place] !== part.id || calls.length > 0) return false;
        place++;
        continue;
      }
      if (place < waiting.length) return false;
      if (part.type === "tool-call") calls.push(part.id);
    }
    // A message that says nothing stands between, too.
    if (parts.length === 0 && place < waiting.length) return false;
    if (calls.length === 0) continue;
    if (index === messages.length - 1) return true;
    waiting = calls;
    place = 0;
  }
  return place === waiting.length;
}

interface Placed {
  readonly message: Message;
  /** Where it stands in the request. */
  readonly index: number;
}

interface Call {
  readonly part: ToolCallPart;
  result?: { readonly part: ToolResultPart; readonly from: Message };
}

interface Turn extends Placed {
  readonly calls: readonly Call[];
}

/** Messages of the assistant's that follow each other without the results between are one turn, told in pieces. */
function withWholeTurns(messages: readonly Message[]): readonly Placed[] {
  const whole: Placed[] = [];
  /** The pieces of the turn that the last of `whole` begins. */
  let pieces: Message[] = [];
  let called = false;
  const close = () => {
    const last = whole.at(-1);
    if (last !== undefined && pieces.length > 1) whole[whole.length - 1] = { ...last, message: joined(pieces) };
  };
  for (const [index, message] of messages.entries()) {
    const calls = message.parts.some(({ type }) => type === "tool-call");
    if (called && message.role === "assistant" && pieces[0]?.role === "assistant") {
      pieces.push(message);
      continue;
    }
    close();
    whole.push({ message, index });
    pieces = [message];
    called = calls;
  }
  close();
  return whole;
}

/** All pieces at once: one after the other would copy the first ones again for each that follows. */
function joined(pieces: readonly Message[]): Message {
  const extra = new Map<string, { readonly [name: string]: Json }>();
  for (const piece of pieces) {
    for (const [protocol, fields] of Object.entries(piece.extra ?? {})) {
      extra.set(protocol, { ...extra.get(protocol), ...fields });
    }
  }
  const first = pieces.toReversed().reduce((later, earlier) => ({ ...later, ...earlier }));
  return {
    ...first,
    parts: pieces.flatMap(({ parts }) => parts),
    ...(extra.size > 0 && { extra: Object.fromEntries(extra) }),
  };
}

/** Finds the call of each result: the first without one among the latest that bear its id. */
function link(messages: readonly Placed[], losses: Loss[]): readonly Turn[] {
  const open = new Map<string, Call[]>();
  return messages.map(({ message, index }) => {
    const calls = callsOf(message).map((part): Call => ({ part }));
    // An older call of the same id will not be answered any more.
    for (const { part } of calls) open.delete(part.id);
    for (const call of calls) {
      const same = open.get(call.part.id);
      if (same === undefined) open.set(call.part.id, [call]);
      else same.push(call);
    }
    for (const part of message.parts) {
      if (part.type !== "tool-result") continue;
      const call = open.get(part.id)?.shift();
      if (call === undefined) losses.push({ field: `messages[${index}]`, reason: "unsupported" });
      else call.result = { part, from: message };
    }
    return { message, index, calls };
  });
}

function lineUp(turns: readonly Turn[], losses: Loss[]): readonly Message[] {
  const out: Message[] = [];
  for (const { message, index, calls } of turns) {
    const rest = withoutResults(message);
    if (rest !== undefined) out.push(rest);
    if (index === turns.at(-1)?.index && calls.every(({ result }) => result === undefined)) continue;
    for (const call of calls) {
      if (call.result === undefined) losses.push({ field: `messages[${index}]`, reason: "approximated" });
      out.push(resultMessage(call));
    }
  }
  return out;
}

/** What a message says beside results of tools; undefined if that is nothing. */
function withoutResults(message: Message): Message | undefined {
  const parts = message.parts.filter(({ type }) => type !== "tool-result");
  if (parts.length === message.parts.length) return message;
  if (parts.length === 0) return undefined;
  return { ...message, role: message.role === "tool" ? "user" : message.role, parts };
}

function resultMessage({ part, result }: Call): Message {
  if (result === undefined) {
    const content = [{ type: "text", text: noOutput }] as const;
    return { role: "tool", parts: [{ type: "tool-result", id: part.id, name: part.name, content }] };
  }
  const { from } = result;
  const isAlone = from.parts.length === 1;
  if (isAlone && from.role === "tool") return from;
  // What was said of the whole message goes along where the message is nothing but this.
  return { role: "tool", parts: [result.part], ...(isAlone && from.extra !== undefined && { extra: from.extra }) };
}

function callsOf({ parts }: Message): readonly ToolCallPart[] {
  return parts.filter((part) => part.type === "tool-call");
}
