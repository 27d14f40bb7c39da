import type { Failure } from "../../../kernel/failure.ts";
import { isJsonObject, own } from "../../../kernel/json.ts";
import type { Json, JsonObject } from "../../../kernel/json.ts";
import { withJsonBody } from "../../json-body.ts";
import type { Incoming, Route, RouteAbout } from "../../router.ts";
import { badField, unknownConversation, unknownItem } from "./failures.ts";
import { elements, pageOf, rawField, shownItem } from "./items.ts";
import { conversationItem, newId, ownerOf } from "./responses.ts";
import type { Responses } from "./responses.ts";
import type { ConversationItem, StoredConversation } from "./store.ts";

/** OpenAI's limits: items at a time, and pairs of metadata with their lengths in characters. */
const mostItems = 20;
const mostMetadata = 16;
const longestName = 64;
const longestValue = 512;

/** A request to a conversation that is there. */
interface Found {
  readonly incoming: Incoming;
  readonly conversation: StoredConversation;
  readonly refuse: (why: Failure) => void;
  /** The parts of the path behind the conversation's id. */
  readonly rest: readonly string[];
}

/** The routes of conversations, which are kept beside responses and as private. */
export class ConversationRoutes {
  readonly #responses: Responses;

  constructor(responses: Responses) {
    this.#responses = responses;
  }

  get create(): Route {
    return this.#route("Begins a conversation.", { body: "json" }, (incoming) => {
      const { gateway, codec, store } = this.#responses;
      withJsonBody(incoming, { gateway, errors: codec.ingress }, ({ rope, scanned, object }) => {
        const refuse = this.#refusing(incoming);
        const metadata = own(object, "metadata") ?? {};
        const given = itemsIn(rawField(rope.bytes, scanned, "items"));
        if (given === undefined) return refuse(badField(`'items' is a list of at most ${mostItems} items.`, "items"));
        const bad = metadataProblem(metadata);
        if (bad !== undefined) return refuse(bad);
        const id = newId("conv");
        const conversation: StoredConversation = {
          kind: "conversation",
          id,
          created: this.#responses.now(),
          metadata,
          items: given,
        };
        store.save(ownerOf(incoming.identity), conversation);
        gateway.json(incoming, shown(conversation));
      });
    });
  }

  /** `GET /v1/conversations/ID`, `.../items` and `.../items/ITEM`. */
  get read(): Route {
    return this.#found("A conversation, its items, or one of them.", {}, ({ incoming, conversation, rest, refuse }) => {
      const { gateway } = this.#responses;
      const [items, id, beyond] = rest;
      if (items === undefined) return gateway.json(incoming, shown(conversation));
      if (items !== "items" || beyond !== undefined) return refuse(unknownConversation(incoming.name ?? ""));
      if (id !== undefined) {
        const item = conversation.items.find((candidate) => candidate.id === id);
        return item === undefined ? refuse(unknownItem(id, "item_id")) : gateway.json(incoming, shownOf(item));
      }
      const page = pageOf(conversation.items.map(shownOf), new URLSearchParams(incoming.query));
      if (!page.ok) return refuse(badField(`The value of '${page.param}' is not valid.`, page.param));
      gateway.json(incoming, page.list);
    });
  }

  /** `POST /v1/conversations/ID` and `.../items`. */
  get write(): Route {
    return this.#found("Changes a conversation's metadata, or adds items.", { body: "json" }, (found) => {
      const { gateway, codec, store } = this.#responses;
      const { incoming, conversation, rest, refuse } = found;
      const owner = ownerOf(incoming.identity);
      if (rest.length > 1 || (rest.length === 1 && rest[0] !== "items"))
        return refuse(unknownConversation(incoming.name ?? ""));
      withJsonBody(incoming, { gateway, errors: codec.ingress }, ({ rope, scanned, object }) => {
        // It may have gone, or grown, while the body came.
        const now = store.conversation(owner, conversation.id);
        if (now === undefined) return refuse(unknownConversation(conversation.id));
        if (rest.length === 0) {
          const metadata = own(object, "metadata") ?? {};
          const bad = metadataProblem(metadata);
          if (bad !== undefined) return refuse(bad);
          const changed = { ...now, metadata };
          store.save(owner, changed);
          return gateway.json(incoming, shown(changed));
        }
        const added = itemsIn(rawField(rope.bytes, scanned, "items"));
        if (added === undefined) return refuse(badField(`'items' is a list of at most ${mostItems} items.`, "items"));
        store.save(owner, { ...now, items: [...now.items, ...added] });
        const data = added.map(shownOf);
        const [first, last] = [data[0]?.["id"] ?? null, data.at(-1)?.["id"] ?? null];
        gateway.json(incoming, { object: "list", data, first_id: first, last_id: last, has_more: false });
      });
    });
  }

  /** `DELETE /v1/conversations/ID` and `.../items/ITEM`. */
  get remove(): Route {
    return this.#found(
      "Forgets a conversation, or one of its items.",
      {},
      ({ incoming, conversation, rest, refuse }) => {
        const { gateway, store } = this.#responses;
        const owner = ownerOf(incoming.identity);
        const [items, id, beyond] = rest;
        if (items === undefined) {
          store.remove(owner, conversation.id);
          return gateway.json(incoming, { id: conversation.id, object: "conversation.deleted", deleted: true });
        }
        if (items !== "items" || id === undefined || beyond !== undefined)
          return refuse(unknownConversation(incoming.name ?? ""));
        const kept = conversation.items.filter((item) => item.id !== id);
        if (kept.length === conversation.items.length) return refuse(unknownItem(id, "item_id"));
        const changed = { ...conversation, items: kept };
        store.save(owner, changed);
        gateway.json(incoming, shown(changed));
      },
    );
  }

  #found(summary: string, about: Partial<RouteAbout>, handle: (found: Found) => void): Route {
    return this.#route(summary, { ...about, name: "conversation_id" }, (incoming) => {
      const [id = "", ...rest] = (incoming.name ?? "").replace(/\/$/, "").split("/");
      const refuse = this.#refusing(incoming);
      const conversation = this.#responses.store.conversation(ownerOf(incoming.identity), id);
      if (conversation === undefined) return refuse(unknownConversation(id));
      handle({ incoming, conversation, refuse, rest });
    });
  }

  #route(summary: string, about: Partial<RouteAbout>, handle: Route["handle"]): Route {
    const { codec } = this.#responses;
    return { access: "key", errors: codec.ingress, about: { surface: "openai", summary, ...about }, handle };
  }

  #refusing(incoming: Incoming): (why: Failure) => void {
    const { gateway, codec } = this.#responses;
    return (why) => gateway.refuse(incoming, codec.ingress, why);
  }
}

function shown({ id, created, metadata }: StoredConversation): JsonObject {
  return { id, object: "conversation", created_at: created, metadata };
}

function shownOf({ id, text }: ConversationItem): JsonObject {
  return { ...shownItem(text, ""), id };
}

/** Undefined where it is no list, or too long. */
function itemsIn(raw: Buffer | undefined): readonly ConversationItem[] | undefined {
  if (raw === undefined || raw.toString("utf8", 0, 5) === "null") return [];
  const items = raw[0] === 91 ? elements(raw) : undefined;
  if (items === undefined || items.length > mostItems || items.some((item) => item[0] !== 123)) return undefined;
  return items.map(conversationItem);
}

function metadataProblem(metadata: Json): Failure | undefined {
  const pairs = isJsonObject(metadata) ? Object.entries(metadata) : undefined;
  const fits = ([name, value]: readonly [string, Json]) =>
    name.length <= longestName && typeof value === "string" && value.length <= longestValue;
  if (pairs !== undefined && pairs.length <= mostMetadata && pairs.every(fits)) return undefined;
  return badField(
    `'metadata' holds at most ${mostMetadata} texts of ${longestValue} characters under names of ${longestName}.`,
    "metadata",
  );
}
