import { failure } from "../../../kernel/failure.ts";
import type { Failure } from "../../../kernel/failure.ts";
import type { JsonObject } from "../../../kernel/json.ts";
import type { Incoming, Route, RouteAbout } from "../../router.ts";
import { badField, unknownResponse } from "./failures.ts";
import { follow } from "./follow.ts";
import { pageOf } from "./items.ts";
import { ownerOf } from "./responses.ts";
import type { Responses } from "./responses.ts";
import type { StoredResponse } from "./store.ts";

/** What `handle` is told of the response that the path names. */
interface Found {
  readonly incoming: Incoming;
  readonly stored: StoredResponse;
  readonly refuse: (why: Failure) => void;
}

/** The routes of responses that are kept. One caller's are unknown to all others. */
export function storedRoutes(responses: Responses) {
  const { gateway, codec, store } = responses;
  const route = (summary: string, handle: (found: Found) => void, query: readonly string[] = []): Route => {
    const about: RouteAbout = { surface: "openai", summary, name: "response_id", query };
    return {
      access: "key",
      errors: codec.ingress,
      about,
      handle: (incoming) => {
        const id = incoming.name ?? "";
        const refuse = (why: Failure) => gateway.refuse(incoming, codec.ingress, why);
        const stored = store.response(ownerOf(incoming.identity), id);
        if (stored === undefined) return refuse(unknownResponse(id));
        handle({ incoming, stored, refuse });
      },
    };
  };
  const send = ({ incoming, stored }: Found) =>
    gateway.text(
      incoming,
      200,
      (stored.run?.object ?? stored.object).toString("utf8"),
      "application/json; charset=utf-8",
    );

  return {
    retrieve: route(
      "A response that is kept.",
      (found) => {
        const { incoming, stored, refuse } = found;
        const query = new URLSearchParams(incoming.query);
        if (query.get("stream") !== "true") return send(found);
        if (stored.run === undefined) {
          return refuse(badField("Only background responses can be streamed again.", "stream"));
        }
        const after = Number(query.get("starting_after") ?? -1);
        if (!Number.isInteger(after)) return refuse(badField("It must be a sequence number.", "starting_after"));
        const first = stored.run.event(stored.run.kept.from)?.sequence ?? 0;
        if (stored.run.kept.from > 0 && after < first - 1) {
          return refuse(badField(`Only the events from number ${first} on are kept.`, "starting_after"));
        }
        follow(responses, incoming, stored.run, after);
      },
      ["stream", "starting_after", "include"],
    ),
    remove: route("Forgets a response.", ({ incoming, stored }) => {
      store.remove(ownerOf(incoming.identity), stored.id);
      stored.run?.cancel();
      gateway.json(incoming, { id: stored.id, object: "response", deleted: true });
    }),
    cancel: route("Stops a background response.", (found) => {
      const { run } = found.stored;
      if (run === undefined) {
        return found.refuse(
          failure("bad-request", "Cannot cancel a synchronous response.", { upstreamType: "invalid_request_error" }),
        );
      }
      run.cancel();
      send(found);
    }),
    inputItems: route(
      "What a response was made from.",
      ({ incoming, stored, refuse }) => {
        const items: readonly JsonObject[] = (stored.before?.line() ?? []).flatMap((segment) => segment.shown());
        const page = pageOf(items, new URLSearchParams(incoming.query));
        if (!page.ok) return refuse(badField(`The value of '${page.param}' is not valid.`, page.param));
        gateway.json(incoming, page.list);
      },
      ["limit", "order", "after", "include"],
    ),
  };
}
