import type { Codec, Ingress } from "../kernel/codec.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { Incoming } from "./router.ts";

/** Whose clients a route is for. */
export type Surface = "openai" | "anthropic" | "gemini" | "ollama";

export type Errors = Pick<Ingress, "writeError">;

/** The protocol whose error shape a surface has. */
const voices: { readonly [S in Surface]: Protocol } = {
  openai: "openai-chat",
  anthropic: "anthropic-messages",
  gemini: "gemini",
  ollama: "ollama",
};

/** Whose surface a path belongs to by how it begins; the first that fits. All others are OpenAI's. */
const prefixes: readonly (readonly [prefix: string, surface: Surface])[] = [
  ["/v1beta", "gemini"],
  ["/v1alpha", "gemini"],
  ["/anthropic", "anthropic"],
  ["/v1/messages", "anthropic"],
  ["/v1/v1/messages", "anthropic"],
  ["/api/v1/messages", "anthropic"],
  ["/messages", "anthropic"],
  ["/api/v1", "openai"],
  ["/api/chat/completions", "openai"],
  ["/api/completions", "openai"],
  ["/api/responses", "openai"],
  ["/api/models", "openai"],
  ["/api", "ollama"],
  ["/v1/api", "ollama"],
];

/** `/v1/models/NAME:generateContent` and the like, which newer Google SDKs call. */
const geminiAction = /^\/v1\/models\/.+:[a-z]+[A-Z]/;

/** Paths of model lists, which several surfaces share. */
const modelPath = /^(?:\/api|\/openai)?(?:\/v1){0,2}\/models(?:\/|$)/;

/** Whose client asks, by the path and, where surfaces share it, by the headers. */
export function surfaceOf({
  path,
  query,
  request: { headers },
}: Pick<Incoming, "path" | "query" | "request">): Surface {
  for (const [prefix, surface] of prefixes) {
    if (!path.startsWith(prefix)) continue;
    const next = path[prefix.length];
    if ((next === undefined || next === "/") && surface !== "openai") return surface;
    if (next === undefined || next === "/") break;
  }
  if (geminiAction.test(path)) return "gemini";
  if (!modelPath.test(path)) return "openai";
  if (headers["x-goog-api-key"] !== undefined || /(?:^|&)key=/.test(query)) return "gemini";
  return headers["anthropic-version"] === undefined ? "openai" : "anthropic";
}

/** How each surface words its errors. */
export class ErrorShapes {
  readonly #bySurface: ReadonlyMap<Surface, Errors>;
  readonly #usual: Errors;

  /** @param usual For surfaces whose codec is not there. */
  constructor(codecs: ReadonlyMap<Protocol, Codec>, usual: Errors) {
    this.#usual = usual;
    this.#bySurface = new Map(
      Object.entries(voices).map(([surface, protocol]) => [surface as Surface, codecs.get(protocol)?.ingress ?? usual]),
    );
  }

  of(surface: Surface): Errors {
    return this.#bySurface.get(surface) ?? this.#usual;
  }

  for(incoming: Pick<Incoming, "path" | "query" | "request">): Errors {
    return this.of(surfaceOf(incoming));
  }
}
