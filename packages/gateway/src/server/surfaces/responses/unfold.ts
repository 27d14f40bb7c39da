import type { Failure } from "../../../kernel/failure.ts";
import { failure } from "../../../kernel/failure.ts";
import { isJsonObject, own } from "../../../kernel/json.ts";
import type { Result } from "../../../kernel/result.ts";
import { readField } from "../../../wire/json-scan.ts";
import { Rope } from "../../../wire/rope.ts";
import type { RelayOrder } from "../../order.ts";
import { readRequest } from "../generate.ts";
import { compactionMark, unsealed } from "./compaction.ts";
import { badField, unfinishedPrevious, unknownConversation, unknownItem, unknownPrevious } from "./failures.ts";
import { arrayOf, inputItems, parseItem, rawField, stringOf, textOf, withFields } from "./items.ts";
import type { Envelope } from "./reader.ts";
import { textsFor } from "./store.ts";
import type { ResponseStore, StoredConversation, StoredResponse } from "./store.ts";

/** Where a request's past is looked for. */
export interface Past {
  readonly store: ResponseStore;
  /** Who may know it, in the order in which they are asked. */
  readonly owners: readonly string[];
}

/** Where in the past a request goes on. */
export interface Thread {
  readonly previous: StoredResponse | undefined;
  readonly conversation: StoredConversation | undefined;
  /** What came before, as it goes to the first endpoint of the plan. */
  readonly texts: readonly Buffer[];
  /** What this request adds. */
  readonly added: readonly Buffer[];
  /** Only the upstream knows what came before. */
  readonly foreign: boolean;
}

export interface Unfolded {
  /** A request that stands for itself, so that any backend can answer it. */
  readonly order: RelayOrder;
  readonly thread: Thread;
  readonly background: boolean;
  /** `store`, which is true unless told. */
  readonly keep: boolean;
  readonly envelope: Envelope;
}

/** Whether a request has to do with anything that is remembered. */
export function isStateless({ body: { rope, object } }: RelayOrder): boolean {
  if (
    object.fields.some(
      ({ name }) => name === "previous_response_id" || name === "conversation" || name === "background",
    )
  )
    return false;
  if (readField(rope, object, "store") !== false) return false;
  return !rope.includes('"item_reference"') && !rope.includes(compactionMark);
}

/** Puts what came before into the request. What nobody waits for is always streamed, so that it can be looked at. */
export function unfold(order: RelayOrder, past: Past): Result<Unfolded> {
  const { rope, object } = order.body;
  const field = (name: string) => readField(rope, object, name) ?? undefined;
  const previousId = field("previous_response_id");
  const conversationId = idOf(field("conversation"));
  const background = field("background") ?? false;
  const store = field("store") ?? true;
  if (previousId !== undefined && typeof previousId !== "string") {
    return bad("The field 'previous_response_id' must be a string.", "previous_response_id");
  }
  if (conversationId === null)
    return bad("The field 'conversation' must be an id, or an object with one.", "conversation");
  if (previousId !== undefined && conversationId !== undefined) {
    return bad("Give 'previous_response_id' or 'conversation', not both.", "previous_response_id");
  }
  if (typeof background !== "boolean") return bad("The field 'background' must be true or false.", "background");
  if (typeof store !== "boolean") return bad("The field 'store' must be true or false.", "store");
  if (background && !store) return bad("A background response needs 'store' to be true.", "background");

  const threaded = threadOf(order, past, { previousId, conversationId });
  if (!threaded.ok) return threaded;
  const { thread, plan } = threaded.value;
  const envelope = new Map<string, Buffer>();
  if (thread.previous !== undefined && !thread.foreign)
    envelope.set("previous_response_id", textOf(thread.previous.id));
  if (thread.conversation !== undefined) envelope.set("conversation", textOf({ id: thread.conversation.id }));
  const changes = new Map<string, Buffer | undefined>();
  if (thread.previous !== undefined && !thread.foreign) changes.set("previous_response_id", undefined);
  if (thread.conversation !== undefined) changes.set("conversation", undefined);
  if (thread.texts.length > 0 || threaded.value.resolved)
    changes.set("input", arrayOf([...thread.texts, ...thread.added]));
  if (background) changes.set("background", undefined);
  if (background && !order.body.stream) changes.set("stream", textOf(true));
  const done = { thread, background, keep: store, envelope };
  if (changes.size === 0) return { ok: true, value: { ...done, order: { ...order, plan } } };

  const changed = new Rope([withFields(rope.bytes, object, changes)]);
  const { body: largest, depth } = order.runtime.config.server.limits;
  if (changed.length > largest) {
    return tooLarge(`The conversation has grown beyond ${largest} bytes (server.limits.body).`);
  }
  const read = readRequest(changed, depth, order.codec.streamsByDefault);
  if (!read.ok) return read;
  return { ok: true, value: { ...done, order: { ...order, plan, body: read.value.body } } };
}

interface Threaded {
  readonly thread: Thread;
  readonly plan: RelayOrder["plan"];
  /** Items were replaced by what they stand for. */
  readonly resolved: boolean;
}

function threadOf(
  order: RelayOrder,
  past: Past,
  ids: { readonly previousId: string | undefined; readonly conversationId: string | undefined },
): Result<Threaded> {
  const { previousId, conversationId } = ids;
  const native = nativePlan(order);
  const previous =
    previousId === undefined ? undefined : first(past, (owner) => past.store.response(owner, previousId));
  const conversation =
    conversationId === undefined ? undefined : first(past, (owner) => past.store.conversation(owner, conversationId));
  if (previous?.run !== undefined && !previous.run.over) return refuse(unfinishedPrevious(previous.id, "in progress"));
  const foreign =
    (previousId !== undefined && (previous === undefined || previous.foreign)) ||
    (conversationId !== undefined && conversation === undefined);
  let { plan } = order;
  if (foreign) {
    // It may have been made with the very credential that we would ask with.
    const named = previousId ?? conversationId ?? "";
    const anothers = previous === undefined && past.store.isAnothers(past.owners, named);
    // Another upstream would answer without what came before.
    const able = anothers ? undefined : native;
    const narrowed = previous?.endpoint === undefined ? able : onlyAt(able, previous.endpoint);
    if (narrowed === undefined) {
      return refuse(previousId === undefined ? unknownConversation(conversationId ?? "") : unknownPrevious(previousId));
    }
    plan = narrowed;
  } else if (previous !== undefined && previous.after === undefined) {
    return refuse(unfinishedPrevious(previous.id, "not complete"));
  }
  const target = plan.attempts[0]?.endpoint;
  const texts = foreign ? [] : (conversation?.items.map(({ text }) => text) ?? textsFor(previous?.after, target));
  const given = inputItems(rawField(order.body.rope.bytes, order.body.object, "input"));
  if (given === undefined && texts.length > 0)
    return bad("The field 'input' must be text or a list of items.", "input");
  // Without a past, what is no list of items is the codec's to refuse, or the upstream's.
  const { body: largest } = order.runtime.config.server.limits;
  const resolved = resolve(given ?? [], { past, native: native !== undefined, largest });
  if (!resolved.ok) return resolved;
  const { items, changed } = resolved.value;
  return {
    ok: true,
    value: { plan, resolved: changed, thread: { previous, conversation, texts, added: items, foreign } },
  };
}

/** The plan's attempts at upstreams that speak this protocol themselves; undefined where there are none. */
function nativePlan({ plan, runtime, codec }: RelayOrder): RelayOrder["plan"] | undefined {
  const attempts = plan.attempts.filter(({ endpoint: name }) => {
    const backend = runtime.endpoints.get(name)?.backend;
    return backend?.kind === "wire" && backend.serves.includes(codec.protocol);
  });
  return attempts.length === 0 ? undefined : { ...plan, attempts };
}

function onlyAt(plan: RelayOrder["plan"] | undefined, endpoint: string): RelayOrder["plan"] | undefined {
  const attempts = plan?.attempts.filter((attempt) => attempt.endpoint === endpoint) ?? [];
  return plan === undefined || attempts.length === 0 ? undefined : { ...plan, attempts };
}

/** References become the items that they name, and summaries of ours what they say. */
function resolve(
  given: readonly Buffer[],
  { past, native, largest }: { readonly past: Past; readonly native: boolean; readonly largest: number },
): Result<{ readonly items: readonly Buffer[]; readonly changed: boolean }> {
  let changed = false;
  let size = 0;
  const items: Buffer[] = [];
  /** By id: a request may name one item again and again. */
  const known = new Map<string, Buffer | undefined>();
  const look = (id: string): Buffer | undefined => {
    if (!known.has(id))
      known.set(
        id,
        first(past, (owner) => past.store.item(owner, id)),
      );
    return known.get(id);
  };
  for (const text of given) {
    const item = mayNeedLook(text) ? parseItem(text) : undefined;
    const type = item === undefined ? undefined : stringOf(item, "type");
    const summary = item !== undefined && type === "compaction" ? unsealed(item) : undefined;
    const id = item !== undefined && type === "item_reference" ? stringOf(item, "id") : undefined;
    const found = id === undefined ? summary : look(id);
    // The upstream may know what we do not.
    if (id !== undefined && found === undefined && (!native || past.store.isAnothers(past.owners, id))) {
      return refuse(unknownItem(id, "input"));
    }
    if (found !== undefined) changed = true;
    // A few bytes may stand for a large item, many times over.
    size += (found ?? text).length;
    if (size > largest) return tooLarge(`What the input refers to is more than ${largest} bytes (server.limits.body).`);
    items.push(found ?? text);
  }
  return { ok: true, value: { items, changed } };
}

function mayNeedLook(text: Buffer): boolean {
  return text.includes('"item_reference"') || text.includes(compactionMark);
}

function first<Value>(past: Past, look: (owner: string) => Value | undefined): Value | undefined {
  for (const owner of past.owners) {
    const found = look(owner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Null where it is neither an id nor an object with one. */
function idOf(value: unknown): string | undefined | null {
  if (value === undefined || typeof value === "string") return value;
  const id = isJsonObject(value) ? own(value, "id") : undefined;
  return typeof id === "string" ? id : null;
}

function bad(message: string, param: string): Result<never> {
  return refuse(badField(message, param));
}

function tooLarge(message: string): Result<never> {
  return refuse(failure("too-large", message, { param: "input" }));
}

function refuse(why: Failure): Result<never> {
  return { ok: false, failure: why };
}
