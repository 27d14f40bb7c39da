import { createServer } from "node:http";
import type { ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JsonObject } from "../../../src/kernel/json.ts";
import { anthropic } from "./anthropic.ts";
import { chat } from "./chat.ts";
import { completions } from "./completions.ts";
import { gemini } from "./gemini.ts";
import { ollama } from "./ollama.ts";
import { responses } from "./responses.ts";
import { Refusal } from "./scene.ts";
import type { Answer, Fault, Seen, VendorProtocol } from "./scene.ts";

interface Row {
  readonly protocol: VendorProtocol;
  readonly type: string;
  readonly api?: string;
  readonly base: string;
}

/** The vendors, by the endpoint type and `api` that speak their protocol, and where it lives below the origin. */
export const vendorKinds = {
  "openai-chat": { protocol: chat, type: "openai-compatible", base: "/v1" },
  "openai-responses": { protocol: responses, type: "openai", api: "responses", base: "/v1" },
  "openai-completions": { protocol: completions, type: "openai-compatible", api: "completions", base: "/v1" },
  "anthropic-messages": { protocol: anthropic, type: "anthropic", base: "/v1" },
  gemini: { protocol: gemini, type: "gemini", base: "/v1beta" },
  ollama: { protocol: ollama, type: "ollama", base: "" },
} as const satisfies { readonly [kind: string]: Row };

export type VendorKind = keyof typeof vendorKinds;

export type Scene = Answer | Fault | ((seen: Seen) => Answer | Fault);

/** A vendor on a port of this machine. */
export interface Vendor extends AsyncDisposable {
  readonly kind: VendorKind;
  /** What `url:` of the endpoint is. */
  readonly url: string;
  readonly seen: readonly Seen[];
  /** Bodies that it refused, with the reason. */
  readonly refused: readonly string[];
  /** Connections that were closed before an answer was complete. */
  readonly aborted: number;
  play(scene: Scene): void;
  reset(): void;
}

/** The entry of an endpoint in a document. */
export function endpointOf({ kind, url }: Pick<Vendor, "kind" | "url">): JsonObject {
  const { type, api }: Row = vendorKinds[kind];
  return { name: kind, type, url, credentials: [{ apiKey: "key-upstream" }], ...(api !== undefined && { api }) };
}

export async function startVendor(kind: VendorKind): Promise<Vendor> {
  const { protocol, base } = vendorKinds[kind];
  const seen: Seen[] = [];
  const refused: string[] = [];
  let aborted = 0;
  let scene: Scene = { text: "Hello." };
  let count = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("close", () => {
      if (!response.writableEnded) aborted++;
    });
    request.on("end", () => {
      const path = (request.url ?? "").slice(base.length);
      if (request.method === "GET" || request.method === "HEAD") {
        if (path === "/" || path === "") return void response.end("Ollama is running");
        return json(response, 200, protocol.models);
      }
      const given = request.headers[protocol.key];
      if (typeof given !== "string" || !given.endsWith("key-upstream")) {
        return json(response, 401, protocol.error(401, "auth", "The key is wrong."));
      }
      let read: Seen | undefined;
      try {
        read = protocol.read(path, JSON.parse(Buffer.concat(chunks).toString()) as JsonObject, request.headers);
      } catch (error) {
        if (!(error instanceof Refusal) && !(error instanceof SyntaxError)) throw error;
        refused.push(error.message);
        return json(response, 400, protocol.error(400, "bad", error.message));
      }
      if (read === undefined) return json(response, 404, protocol.error(404, "missing", "404 page not found"));
      seen.push(read);
      count++;
      perform(response, protocol, { read, what: typeof scene === "function" ? scene(read) : scene, id: String(count) });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    kind,
    url: `http://127.0.0.1:${port}${base}`,
    seen,
    refused,
    get aborted() {
      return aborted;
    },
    play: (next) => void (scene = next),
    reset: () => {
      seen.length = 0;
      refused.length = 0;
      aborted = 0;
      scene = { text: "Hello." };
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function json(response: ServerResponse, status: number, body: JsonObject): void {
  // Longer than the gateway waits by itself.
  const headers = status === 429 ? { "retry-after": "30" } : {};
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

function perform(
  response: ServerResponse,
  protocol: VendorProtocol,
  { read, what, id }: { read: Seen; what: Answer | Fault; id: string },
): void {
  if ("status" in what) {
    const overflow = "This model's maximum context length is 100 tokens: prompt is too long: 200 tokens > 100 maximum";
    const message = what.kind === "overflow" ? overflow : `A ${what.kind} error of the vendor.`;
    return json(response, what.status, protocol.error(what.status, what.kind, message));
  }
  const broken = "cut" in what || "hang" in what;
  const answer = broken ? what.answer : what;
  if (!read.stream) {
    const body = JSON.stringify(protocol.whole(answer, read, id));
    if (!broken) return json(response, 200, protocol.whole(answer, read, id));
    response.writeHead(200, { "content-type": "application/json", "content-length": String(body.length) });
    response.write(body.slice(0, body.length / 2));
    if ("cut" in what) setTimeout(() => response.destroy(), 20);
    return;
  }
  response.writeHead(200, { "content-type": protocol.streamType });
  const all = protocol.stream(answer, read, id);
  if (!broken) {
    for (const piece of all) response.write(piece);
    return void response.end();
  }
  // Enough for the first words to be among them, and the end not.
  const first = ("cut" in what ? what.after : undefined) ?? Math.max(1, Math.min(all.length - 2, 6));
  for (const piece of all.slice(0, first)) response.write(piece);
  if ("cut" in what) setTimeout(() => response.destroy(), 20);
}
