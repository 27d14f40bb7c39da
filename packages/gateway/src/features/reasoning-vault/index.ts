import type { Clock } from "../../kernel/clock.ts";
import type { Feature, FeatureOutcome, FeatureTarget } from "../../kernel/feature.ts";
import type { CanonicalRequest, Message } from "../../kernel/request.ts";
import { Recorder } from "./recorder.ts";
import { restore } from "./restore.ts";
import { Shelves } from "./shelves.ts";
import type { Bounds } from "./shelves.ts";

const usual: Bounds = { calls: 20_000, bytes: 64 * 1024 * 1024, callBytes: 1024 * 1024, idle: 3_600_000 };

/**
 * Remembers the reasoning and the signatures that came with tool calls, and puts them back into the history of clients
 * whose protocol has no place for them: without theirs, Gemini 3 refuses a call, Anthropic a thinking turn, and DeepSeek
 * and Kimi a turn without `reasoning_content`.
 *
 * It stands first in the row of features, before `adapt`: it knows calls by the names and ids that the client sees, and
 * what it puts back is adapted with the rest. Nothing is ever given to another caller; callers whom nobody tells apart
 * are one. All of it is in memory: after a restart, or when room was short, a request goes out as its client wrote it.
 */
export class ReasoningVault implements Feature {
  readonly #shelves: Shelves;
  /** Characters of one answer's reasoning and arguments that are noted. */
  readonly #room: number;

  constructor(clock: Clock, bounds: Partial<Bounds> = {}) {
    const all = { ...usual, ...bounds };
    this.#shelves = new Shelves(all, clock);
    this.#room = all.callBytes;
  }

  /** How much is remembered, in calls and in bytes. */
  get size(): { readonly calls: number; readonly bytes: number } {
    return this.#shelves.size;
  }

  apply(request: CanonicalRequest, target: FeatureTarget): FeatureOutcome {
    if (request.operation !== "generate") return { request, losses: [] };
    const { caller, endpoint } = target;
    const listener = {
      remember: (id: string, memory: Parameters<Shelves["put"]>[2]) => this.#shelves.put(caller, id, memory),
      pass: (id: string, print: string) => this.#shelves.pass(caller, id, print),
    };
    const messages = this.#restored(request.messages, target);
    return {
      request: messages === request.messages ? request : { ...request, messages },
      losses: [],
      answer: new Recorder(endpoint, listener, this.#room),
    };
  }

  #restored(messages: readonly Message[], target: FeatureTarget): readonly Message[] {
    if (target.stateless === true || this.#shelves.size.calls === 0) return messages;
    let changed: Message[] | undefined;
    for (const [index, message] of messages.entries()) {
      const restored = restore(message, target, (call) => this.#shelves.find(target.caller, call));
      if (restored !== message) (changed ??= [...messages])[index] = restored;
    }
    return changed ?? messages;
  }
}
