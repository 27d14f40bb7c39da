import { randomBytes } from "node:crypto";
import type { RetentionSettings } from "../../../config/types.ts";
import type { Clock } from "../../../kernel/clock.ts";
import type { Json, JsonObject } from "../../../kernel/json.ts";
import { parseItem, shownItem, stringOf } from "./items.ts";
import type { Run } from "./run.ts";

/** What an item costs beside its text, in bytes; about what Node holds for a piece of a buffer. */
const itemCost = 120;

/** What an entry costs beside what it holds. */
const entryCost = 500;

/** A stretch of a conversation: the items of one turn, behind those of the turns before, which many may share. */
export class Segment {
  readonly parent: Segment | undefined;
  readonly items: readonly Buffer[];
  /** The endpoint whose answer these are. */
  readonly endpoint: string | undefined;
  readonly cost: number;
  readonly #seed = randomBytes(12).toString("hex");
  users = 0;
  /** Who pays for it: the owner of the first entry that held it, which several may share. */
  payer = "";
  #byId: ReadonlyMap<string, Buffer> | undefined;

  constructor(
    items: readonly Buffer[],
    more: { readonly parent?: Segment | undefined; readonly endpoint?: string | undefined },
  ) {
    // A copy, so that a short text does not keep alive the large body that it was cut from.
    this.items = items.map((item) => Buffer.from(item));
    this.parent = more.parent;
    this.endpoint = more.endpoint;
    this.cost = items.reduce((sum, item) => sum + item.length + itemCost, itemCost);
  }

  /** This stretch and all before it, the first one first. */
  line(): readonly Segment[] {
    const line: Segment[] = [this];
    for (let at = this.parent; at !== undefined; at = at.parent) line.push(at);
    return line.reverse();
  }

  /** The item of this id. */
  find(id: string): Buffer | undefined {
    this.#byId ??= new Map(this.items.map((item): [string, Buffer] => [itemId(item) ?? "", item]));
    return this.#byId.get(id);
  }

  shown(): readonly JsonObject[] {
    return this.items.map((item, index) => shownItem(item, `${this.#seed}${index.toString(16).padStart(4, "0")}`));
  }
}

/** A response that can be asked for again. */
export interface StoredResponse {
  readonly kind: "response";
  readonly id: string;
  /** JSON text of the response object. */
  readonly object: Buffer;
  /** What it was made from. */
  readonly before: Segment | undefined;
  /** The same with what it said; absent where the conversation cannot be gone on with from here. */
  readonly after: Segment | undefined;
  /** Who answered. */
  readonly endpoint: string | undefined;
  /** Its chain begins at an upstream that knows what we do not: only that upstream can go on with it. */
  readonly foreign: boolean;
  /** Present for those that were made in the background. */
  readonly run: Run | undefined;
}

/** An item of a conversation, with the id that it is asked for by. */
export interface ConversationItem {
  readonly id: string;
  readonly text: Buffer;
}

export interface StoredConversation {
  readonly kind: "conversation";
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly metadata: Json;
  readonly items: readonly ConversationItem[];
}

type Stored = StoredResponse | StoredConversation;

interface Entry {
  readonly owner: string;
  readonly stored: Stored;
  readonly cost: number;
  usedAt: number;
}

/**
 * Responses and conversations, in memory and within bounds. Everything is found only under the owner that it was kept
 * for. Where room is needed, the owner who holds most loses what was unused for longest.
 */
export class ResponseStore {
  readonly #clock: Clock;
  readonly #retention: () => RetentionSettings;
  /** By owner and id, the longest unused first. */
  readonly #entries = new Map<string, Entry>();
  /** By owner and item id: which response said it. */
  readonly #saidBy = new Map<string, string>();
  /** Who holds the response, conversation or item of this id. */
  readonly #holders = new Map<string, string>();
  readonly #held = new Map<string, number>();
  #bytes = 0;

  /** @param retention Asked anew each time, since it may be changed. */
  constructor(clock: Clock, retention: () => RetentionSettings) {
    this.#clock = clock;
    this.#retention = retention;
  }

  /** Bytes held, as far as we count them. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  response(owner: string, id: string): StoredResponse | undefined {
    const stored = this.#use(owner, id);
    return stored?.kind === "response" ? stored : undefined;
  }

  conversation(owner: string, id: string): StoredConversation | undefined {
    const stored = this.#use(owner, id);
    return stored?.kind === "conversation" ? stored : undefined;
  }

  /** The text of an item that a response of this owner said. */
  item(owner: string, id: string): Buffer | undefined {
    const said = this.#saidBy.get(keyOf(owner, id));
    const after = said === undefined ? undefined : this.response(owner, said)?.after;
    return after?.find(id);
  }

  /**
   * Whether the id is somebody else's, as far as we remember. Callers share the credentials of an upstream, which
   * would tell the one what it keeps of the other.
   */
  isAnothers(owners: readonly string[], id: string): boolean {
    const holder = this.#holders.get(id);
    return holder !== undefined && !owners.includes(holder);
  }

  /** Keeps it in place of what had its id. False when there is no room for it at all. */
  save(owner: string, stored: Stored): boolean {
    const key = keyOf(owner, stored.id);
    const before = this.#entries.get(key);
    const entry: Entry = { owner, stored, cost: costOf(stored), usedAt: this.#clock.monotonic() };
    // First the new one is taken in, so that what both share is not let go of in between.
    this.#count(entry, 1);
    if (before !== undefined) this.#drop(key, before);
    this.#entries.set(key, entry);
    this.#holders.set(stored.id, owner);
    if (stored.kind === "response") {
      for (const text of stored.after?.items ?? []) {
        const id = itemId(text);
        if (id === undefined) continue;
        this.#saidBy.set(keyOf(owner, id), stored.id);
        this.#holders.set(id, owner);
      }
    }
    this.#makeRoom(key);
    return this.#entries.has(key);
  }

  remove(owner: string, id: string): boolean {
    const key = keyOf(owner, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#drop(key, entry);
    return true;
  }

  /** Forgets everything of an owner who will not come again. */
  forget(owner: string): void {
    for (const [key, entry] of this.#entries) if (entry.owner === owner) this.#drop(key, entry);
  }

  #use(owner: string, id: string): Stored | undefined {
    this.#expire();
    const key = keyOf(owner, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.usedAt = this.#clock.monotonic();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.stored;
  }

  #expire(): void {
    const oldest = this.#clock.monotonic() - this.#retention().life;
    for (const [key, entry] of this.#entries) {
      if (entry.usedAt > oldest) return;
      if (!isRunning(entry)) this.#drop(key, entry);
    }
  }

  #makeRoom(newest: string): void {
    this.#expire();
    const { bytes, entries } = this.#retention();
    while (this.#bytes > bytes || this.#entries.size > entries) {
      const heaviest = [...this.#held].reduce((a, b) => (b[1] > a[1] ? b : a), ["", -1])[0];
      const key = this.#longestUnused(newest, heaviest) ?? this.#longestUnused(newest) ?? newest;
      const entry = this.#entries.get(key);
      if (entry === undefined) return;
      this.#drop(key, entry);
    }
  }

  #longestUnused(newest: string, owner?: string): string | undefined {
    for (const [key, entry] of this.#entries) {
      if (key !== newest && !isRunning(entry) && (owner === undefined || entry.owner === owner)) return key;
    }
    return undefined;
  }

  #drop(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
    if (this.#holders.get(entry.stored.id) === entry.owner) this.#holders.delete(entry.stored.id);
    if (entry.stored.kind === "response") {
      for (const text of entry.stored.after?.items ?? []) {
        const id = itemId(text) ?? "";
        const item = keyOf(entry.owner, id);
        if (this.#saidBy.get(item) !== entry.stored.id) continue;
        this.#saidBy.delete(item);
        if (this.#holders.get(id) === entry.owner) this.#holders.delete(id);
      }
    }
    this.#count(entry, -1);
  }

  /** Adds what the entry holds, or takes it off. A stretch that several entries share counts once. */
  #count(entry: Entry, sign: 1 | -1): void {
    this.#pay(entry.owner, sign * entry.cost);
    if (entry.stored.kind !== "response") return;
    for (const end of [entry.stored.before, entry.stored.after]) {
      for (let at = end; at !== undefined; at = at.parent) {
        if ((sign === 1 ? at.users++ : --at.users) !== 0) break;
        if (sign === 1) at.payer = entry.owner;
        // Given back to whom it was taken from, who may be another: a connection's own entries go before its caller's.
        this.#pay(at.payer, sign * at.cost);
      }
    }
  }

  #pay(owner: string, bytes: number): void {
    this.#bytes += bytes;
    const held = (this.#held.get(owner) ?? 0) + bytes;
    if (held <= 0) this.#held.delete(owner);
    else this.#held.set(owner, held);
  }
}

/** The items of a conversation as they go to `endpoint`. */
export function textsFor(segment: Segment | undefined, endpoint: string | undefined): readonly Buffer[] {
  return (segment?.line() ?? []).flatMap(({ items, endpoint: from }) =>
    from === undefined || from === endpoint ? items : items.filter((item) => !isBareReasoning(item)),
  );
}

/** Reasoning that is an id and no more, which only who thought it can look up. */
function isBareReasoning(text: Buffer): boolean {
  if (!text.includes('"reasoning"')) return false;
  const item = parseItem(text);
  if (item === undefined || stringOf(item, "type") !== "reasoning" || stringOf(item, "encrypted_content")) return false;
  const { content } = item;
  return !Array.isArray(content) || content.length === 0;
}

function isRunning({ stored }: Entry): boolean {
  return stored.kind === "response" && stored.run !== undefined && !stored.run.over;
}

function costOf(stored: Stored): number {
  if (stored.kind === "response") return entryCost + stored.object.length + (stored.run?.bytes ?? 0);
  const items = stored.items.reduce((sum, { text }) => sum + text.length + itemCost, 0);
  return entryCost + items + JSON.stringify(stored.metadata).length;
}

function keyOf(owner: string, id: string): string {
  return `${owner}\n${id}`;
}

const idAtFront = /"id"\s*:\s*"([^"\\]{1,128})"/;

/** The item's own id, found without parsing where it stands near the front, as it does in practice. */
function itemId(text: Buffer): string | undefined {
  const near = idAtFront.exec(text.toString("utf8", 0, 300));
  if (near === null) return undefined;
  const item = parseItem(text);
  return item === undefined ? undefined : stringOf(item, "id");
}
