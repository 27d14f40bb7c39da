import { randomBytes } from "node:crypto";
import type { Identity } from "../../../auth/identity.ts";
import type { Codec } from "../../../kernel/codec.ts";
import { failure } from "../../../kernel/failure.ts";
import type { Failure } from "../../../kernel/failure.ts";
import type { Result } from "../../../kernel/result.ts";
import type { Gateway } from "../../gateway.ts";
import type { Asker } from "../../order.ts";
import { parseItem } from "./items.ts";
import type { FinalResponse } from "./reader.ts";
import { Run } from "./run.ts";
import { ResponseStore, Segment } from "./store.ts";
import type { ConversationItem, StoredResponse } from "./store.ts";
import type { Thread, Unfolded } from "./unfold.ts";

/** Most background responses at a time, and most for one caller. */
const mostRuns = 64;
const mostRunsOfOne = 16;

/** Everything that the stateful routes share. */
export class Responses {
  readonly gateway: Gateway;
  readonly codec: Codec;
  readonly store: ResponseStore;
  readonly #runs = new Map<Run, string>();

  constructor(gateway: Gateway, codec: Codec) {
    const { service } = gateway;
    this.gateway = gateway;
    this.codec = codec;
    this.store = new ResponseStore(service.clock, () => service.current().config.responses);
    gateway.drains({
      drain: () => this.#endRuns((run) => run.followers.size === 0),
      stop: () => this.#endRuns(() => true),
    });
  }

  /** Background responses under way. */
  get runs(): number {
    return this.#runs.size;
  }

  /** Seconds since 1970. */
  now(): number {
    return Math.floor(this.gateway.service.clock.now() / 1000);
  }

  /**
   * Writes a finished response down, and takes it into its conversation if it is good.
   *
   * @param owner Who alone will find it.
   */
  remember(
    owner: string,
    thread: Thread,
    answer: { readonly final: FinalResponse; readonly endpoint: string | undefined; readonly run?: Run },
  ): StoredResponse | undefined {
    const { final, endpoint, run } = answer;
    // The backend makes up the id.
    if (final.id === "" || this.store.conversation(owner, final.id) !== undefined) return undefined;
    const usable = final.status === "completed" || final.status === "incomplete";
    const before = this.#line(owner, thread);
    const after = usable && !thread.foreign ? new Segment(final.output, { parent: before, endpoint }) : undefined;
    const object = Buffer.from(final.object);
    const stored: StoredResponse = {
      kind: "response",
      id: final.id,
      object,
      before,
      after,
      endpoint,
      foreign: thread.foreign,
      run,
    };
    this.store.save(owner, stored);
    this.extend(owner, thread, final);
    return stored;
  }

  /** Takes a good response into its conversation, which is asked for whether or not the response itself is kept. */
  extend(owner: string, thread: Thread, final: FinalResponse): void {
    if (thread.conversation === undefined || final.status !== "completed") return;
    // It may have gone, or grown, meanwhile.
    const conversation = this.store.conversation(owner, thread.conversation.id);
    if (conversation === undefined) return;
    const added = [...thread.added, ...final.output].map(conversationItem);
    this.store.save(owner, { ...conversation, items: [...conversation.items, ...added] });
  }

  /** Starts a response that nobody waits for, and keeps it from its first moment. */
  startRun(owner: string, unfolded: Unfolded, asker: Asker): Result<{ readonly run: Run; readonly id: string }> {
    const mine = [...this.#runs.values()].filter((holder) => holder === owner).length;
    if (this.#runs.size >= mostRuns || mine >= mostRunsOfOne) {
      const why = failure("rate-limited", `${mine} background responses of yours are under way; wait for one of them.`);
      return { ok: false, failure: why };
    }
    const { order, thread } = unfolded;
    const id = newId("resp");
    const envelope = new Map(unfolded.envelope)
      .set("id", Buffer.from(JSON.stringify(id)))
      .set("background", Buffer.from("true"));
    const run: Run = new Run({
      request: parseItem(order.body.rope.bytes) ?? {},
      about: { id, created: this.now(), model: order.requestedModel },
      envelope,
      limit: order.runtime.settings.answer,
      done: ({ final, endpoint }) => {
        this.#runs.delete(run);
        // Deleted while it ran: it is not to come back.
        if (this.store.response(owner, id) === undefined) return;
        const ended: FinalResponse = final ?? { id, status: "failed", object: run.object, output: [] };
        this.remember(owner, thread, { final: ended, endpoint, run });
      },
    });
    const begun = this.gateway.begin(order, asker, (closed) => {
      run.closed = closed;
      this.#runs.set(run, owner);
      this.#keepRunning(owner, run, { id, thread });
      return { client: run };
    });
    if (!begun.ok) return begun;
    const exchange = begun.value;
    const abort = (why: Failure) => exchange.abandon(why);
    run.abort = abort;
    return { ok: true, value: { run, id } };
  }

  #keepRunning(owner: string, run: Run, { id, thread }: { readonly id: string; readonly thread: Thread }): void {
    const before = this.#line(owner, thread);
    const { foreign } = thread;
    this.store.save(owner, {
      kind: "response",
      id,
      object: run.object,
      before,
      after: undefined,
      endpoint: undefined,
      foreign,
      run,
    });
  }

  /** What a request read: one more stretch behind what is remembered, or all of it anew where that is gone. */
  #line(owner: string, { previous, texts, added }: Thread): Segment {
    const parent = previous === undefined ? undefined : this.store.response(owner, previous.id)?.after;
    return parent === undefined ? new Segment([...texts, ...added], {}) : new Segment(added, { parent });
  }

  #endRuns(which: (run: Run) => boolean): void {
    for (const run of this.#runs.keys()) {
      if (which(run)) run.abort(failure("draining", "The gateway is shutting down."));
    }
  }
}

/** An item as a conversation keeps it: with an id, so that it can be asked for. */
export function conversationItem(text: Buffer): ConversationItem {
  const item = parseItem(text);
  const given = item === undefined ? undefined : item["id"];
  return { id: typeof given === "string" ? given : newId("item"), text: Buffer.from(text) };
}

/** Whose responses these are. Keys are apart from each other, and from who comes without one. */
export function ownerOf(identity: Identity | undefined): string {
  if (identity === undefined || identity.kind === "open") return "open";
  return identity.kind === "key" ? `key:${identity.id}` : `fixed:${identity.name}`;
}

/** An id in OpenAI's form. */
export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(24).toString("hex")}`;
}
