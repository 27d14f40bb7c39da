import type { Codec } from "../../../kernel/codec.ts";
import type { Gateway } from "../../gateway.ts";
import { generateRouteOf } from "../generate.ts";
import { bodyPaths } from "../paths.ts";
import { compactRoute } from "./compact.ts";
import { ConversationRoutes } from "./conversations.ts";
import { createResponse } from "./create.ts";
import { Responses } from "./responses.ts";
import { ResponseSockets } from "./socket.ts";
import { storedRoutes } from "./stored.ts";
import { inputTokensRoute } from "./tokens.ts";

export interface ResponsesSurface {
  readonly responses: Responses;
  readonly sockets: ResponseSockets;
}

/** OpenAI's Responses with all that is remembered between requests. */
export function addResponsesRoutes(gateway: Gateway, codec: Codec): ResponsesSurface {
  const { router } = gateway;
  const responses = new Responses(gateway, codec);
  const paths = bodyPaths.find(({ protocol }) => protocol === codec.protocol)?.paths ?? [];
  const named = paths.map((path) => `${path}/`);
  const about = {
    surface: "openai",
    summary: "Responses",
    body: "json",
    answers: ["application/json", "text/event-stream"],
  } as const;
  router.add(
    "POST",
    paths,
    generateRouteOf(codec, gateway, {
      about,
      takeover: (incoming, order) => createResponse(responses, incoming, order),
    }),
  );
  const stored = storedRoutes(responses);
  router.addPrefix("GET", named, stored.retrieve);
  router.addPrefix("DELETE", named, stored.remove);
  router.addPrefix("POST", named, stored.cancel, "/cancel");
  router.addPrefix("GET", named, stored.inputItems, "/input_items");
  router.add(
    "POST",
    paths.map((path) => `${path}/input_tokens`),
    inputTokensRoute(responses),
  );
  router.add(
    "POST",
    paths.map((path) => `${path}/compact`),
    compactRoute(responses),
  );
  const conversations = new ConversationRoutes(responses);
  const places = paths.map((path) => path.replace(/responses$/, "conversations"));
  router.add("POST", places, conversations.create);
  const inside = places.map((path) => `${path}/`);
  router.addPrefix("GET", inside, conversations.read);
  router.addPrefix("POST", inside, conversations.write);
  router.addPrefix("DELETE", inside, conversations.remove);
  const sockets = new ResponseSockets(responses);
  gateway.upgrade(paths, (upgrade) => sockets.accept(upgrade));
  return { responses, sockets };
}
