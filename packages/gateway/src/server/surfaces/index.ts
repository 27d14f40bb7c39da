import type { Gateway } from "../gateway.ts";
import { aboutProtocol } from "./about.ts";
import { addCountRoutes } from "./count.ts";
import { addGeminiRoutes } from "./gemini.ts";
import { generateRouteOf } from "./generate.ts";
import { loadTakeover } from "./load.ts";
import { addManagementRoutes } from "./management.ts";
import { addModelRoutes } from "./models.ts";
import { addOllamaRoutes } from "./ollama.ts";
import { bodyPaths } from "./paths.ts";
import { addResponsesRoutes } from "./responses/index.ts";

/** Every route of every surface. Protocols without a codec have none. */
export function addSurfaces(gateway: Gateway): void {
  const { router, service } = gateway;
  for (const { protocol, paths } of bodyPaths) {
    const codec = service.codecs.get(protocol);
    if (codec === undefined || protocol === "openai-responses") continue;
    const takeover = loadTakeover(protocol, gateway);
    router.add("POST", paths, generateRouteOf(codec, gateway, { about: aboutProtocol(protocol), takeover }));
  }
  const responses = service.codecs.get("openai-responses");
  if (responses !== undefined) addResponsesRoutes(gateway, responses);
  addGeminiRoutes(gateway);
  addCountRoutes(gateway);
  addModelRoutes(gateway);
  addOllamaRoutes(gateway);
  addManagementRoutes(gateway);
}
