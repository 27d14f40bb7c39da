import type { Gateway } from "../gateway.ts";
import type { Route } from "../router.ts";
import { aboutProtocol } from "./about.ts";
import { generateRouteOf } from "./generate.ts";
import { geminiModels } from "./paths.ts";
import type { GeminiAction } from "./paths.ts";

/** What a client of Google's that reads events asks for; all others read one JSON array as it grows. */
const asksForEvents = /(?:^|&)alt=sse(?:&|$)/i;

/** `/v1beta/models/{model}:generateContent` and its like. */
export function addGeminiRoutes(gateway: Gateway): void {
  const { codecs, geminiArray } = gateway.service;
  const add = (action: GeminiAction, route: Route) =>
    gateway.router.addPrefix("POST", geminiModels, route, `:${action}`);
  const generate = codecs.get("gemini");
  if (generate !== undefined) {
    const whole = { ...aboutProtocol("gemini"), name: "model", answers: ["application/json"] };
    add("generateContent", generateRouteOf(generate, gateway, { about: whole, stream: false }));
    const streamed = { ...aboutProtocol("gemini"), summary: "Stream content", name: "model", query: ["alt"] };
    const events = generateRouteOf(generate, gateway, { about: streamed, stream: true });
    const array = geminiArray === undefined ? events : generateRouteOf(geminiArray, gateway, { stream: true });
    add("streamGenerateContent", {
      ...events,
      handle: (incoming) => (asksForEvents.test(incoming.query) ? events : array).handle(incoming),
    });
  }
  const embed = codecs.get("gemini-embeddings");
  if (embed === undefined) return;
  const about = { ...aboutProtocol("gemini-embeddings"), name: "model" };
  add("embedContent", generateRouteOf(embed, gateway, { about }));
  add("batchEmbedContents", generateRouteOf(embed, gateway, { about }));
}
