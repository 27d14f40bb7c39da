import type { Json, JsonObject } from "../../kernel/json.ts";
import { timeOf } from "./time.ts";

/** The protocols whose requests can load a model. */
export type GenerationProtocol = "ollama" | "ollama-generate";

/**
 * Whether a request asks for no answer, but for its model to be loaded, or unloaded: one without messages or prompt.
 * An Ollama backend gets it as it is; any other has nothing to load, and is not asked.
 */
export function isLoadRequest(body: JsonObject, protocol: GenerationProtocol): boolean {
  const content = body[protocol === "ollama" ? "messages" : "prompt"];
  if (content === undefined || content === null) return true;
  return Array.isArray(content) ? content.length === 0 : content === "" && protocol === "ollama-generate";
}

/** What Ollama answers such a request with: one object, streamed or not. `created` is in seconds since 1970. */
export function loadAnswer(
  body: JsonObject,
  {
    protocol,
    created,
    model,
  }: { readonly protocol: GenerationProtocol; readonly created: number; readonly model: string },
): JsonObject {
  return {
    model,
    created_at: timeOf(created),
    ...(protocol === "ollama" ? { message: { role: "assistant", content: "" } } : { response: "" }),
    done: true,
    done_reason: unloads(body["keep_alive"]) ? "unload" : "load",
  };
}

/** Zero, as a number of seconds or as a duration such as `0s`. */
function unloads(keepAlive: Json | undefined): boolean {
  return keepAlive === 0 || (typeof keepAlive === "string" && /^0+(?:\.0+)?(?:ns|us|µs|ms|s|m|h)?$/.test(keepAlive));
}
