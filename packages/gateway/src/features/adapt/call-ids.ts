import type { NameRule } from "../../kernel/codec.ts";
import type { FeatureTarget } from "../../kernel/feature.ts";
import type { GenerationRequest, Message } from "../../kernel/request.ts";
import { clientIds, fromClient, toClient } from "./client-ids.ts";
import { fits, fitted, free } from "./fit.ts";
import { mapParts, RenamedCalls, unchanged } from "./pass.ts";
import type { CallHead, Pass } from "./pass.ts";

const stem = "call";

/** For ids that a rule does not bind. */
const anything: NameRule = { character: /[\s\S]/, longest: Infinity };

/**
 * Gives tool calls ids that the target takes, each its own, and calls in the answer ids that the client takes. An id
 * that had to be written in other characters for the client goes back to the backend as it came. Results stand behind
 * their calls already.
 */
export const callIds: Pass = (request, target) => {
  const ids = request.messages.flatMap(idsOf);
  const rewritten = rewrite(request, ids, target);
  return {
    ...rewritten,
    ...(request.tools.length > 0 && { answer: new RenamedCalls(clientNaming(ids, target)) }),
  };
};

function idsOf({ parts }: Message): readonly string[] {
  return parts.flatMap((part) => (part.type === "tool-call" ? [part.id] : []));
}

function rewrite(request: GenerationRequest, ids: readonly string[], { accepts, client }: FeatureTarget) {
  const rule = accepts.callId;
  const escapes = clientIds[client] !== undefined;
  const native = (id: string) => (escapes ? fromClient(id) : id);
  if (rule === undefined) return unchanged(request);
  const isWrong = (id: string) => native(id) !== id || !fits(id, rule);
  if (new Set(ids).size === ids.length && !ids.some(isWrong)) return unchanged(request);
  const names = new CallNames(ids.map(native), rule);
  const messages = mapParts(request.messages, (part) => {
    if (part.type !== "tool-call" && part.type !== "tool-result") return part;
    const id =
      part.type === "tool-call" ? names.call(part.id, native(part.id)) : names.result(part.id, native(part.id));
    return id === part.id ? part : { ...part, id };
  });
  return messages === request.messages ? unchanged(request) : { request: { ...request, messages }, losses: [] };
}

/** What the calls of a request are called for the target, as one goes through them. */
class CallNames {
  readonly #rule: NameRule;
  /** Ids that fit are for those who have them, however late they come. */
  readonly #taken: Set<string>;
  /** How often each id of the backend's was given. */
  readonly #given = new Map<string, number>();
  /** By the client's id: what the calls without a result so far are called. */
  readonly #open = new Map<string, string[]>();

  constructor(natives: readonly string[], rule: NameRule) {
    this.#rule = rule;
    this.#taken = new Set(natives.filter((id) => fits(id, rule)));
  }

  call(id: string, native: string): string {
    const name = this.#nameFor(native);
    const open = this.#open.get(id);
    if (open === undefined) this.#open.set(id, [name]);
    else open.push(name);
    return name;
  }

  result(id: string, native: string): string {
    return this.#open.get(id)?.shift() ?? fitted(native, this.#rule, { stem });
  }

  #nameFor(native: string): string {
    const times = this.#given.get(native) ?? 0;
    this.#given.set(native, times + 1);
    if (times === 0 && fits(native, this.#rule)) return native;
    return free(native, this.#rule, { stem, taken: this.#taken, from: times });
  }
}

/** The client sees each id once in an answer, and none that it has in its history. */
function clientNaming(history: readonly string[], { client }: FeatureTarget) {
  const rule = clientIds[client];
  const taken = new Map<number, ClientNames>();
  return (head: CallHead, candidate: number): CallHead => {
    let names = taken.get(candidate);
    if (names === undefined) taken.set(candidate, (names = new ClientNames(history, rule)));
    const id = names.call(head.id);
    return id === head.id ? head : { ...head, id };
  };
}

/** What the calls of one answer are called for the client, in the order of their starts. */
class ClientNames {
  readonly #rule: NameRule | undefined;
  readonly #taken: Set<string>;
  readonly #given = new Map<string, number>();

  constructor(history: readonly string[], rule: NameRule | undefined) {
    this.#rule = rule;
    this.#taken = new Set(history);
  }

  call(id: string): string {
    const wanted = this.#wanted(id);
    const times = this.#given.get(id) ?? 0;
    this.#given.set(id, times + 1);
    if (!this.#taken.has(wanted)) {
      this.#taken.add(wanted);
      return wanted;
    }
    return free(id, this.#rule ?? anything, { stem, taken: this.#taken, from: Math.max(times, 1) });
  }

  #wanted(id: string): string {
    const rule = this.#rule;
    // Where the client takes anything, nothing is escaped, for it would not be undone.
    return (rule && toClient(id, rule)) ?? fitted(id, rule ?? anything, { stem });
  }
}
