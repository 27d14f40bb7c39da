import { Agent, request } from "undici";
import type { Dispatcher } from "undici";
import { failure } from "../kernel/failure.ts";
import type { FetchedMedia, MediaFetcher } from "../kernel/media.ts";
import type { Result } from "../kernel/result.ts";
import { guardedConnector, OutboundRefused } from "./door.ts";
import type { Reach } from "./door.ts";

/** What a fetch may cost. */
export interface MediaLimits {
  /** Milliseconds until a connection must stand. */
  readonly connect: number;
  /** Milliseconds for the whole of one fetch, redirects included. */
  readonly time: number;
  /** Largest file, in bytes. */
  readonly size: number;
}

const usual: MediaLimits = { connect: 5000, time: 15_000, size: 20_971_520 };

const mostRedirects = 3;

/** Most connections to one origin. */
const mostConnections = 8;

const wanted = /^(?:image|audio|video)\/[a-z0-9.+-]+$|^application\/pdf$/;

/** Types of servers that do not know what they serve, as most stores of files. */
const vague = new Set(["", "application/octet-stream", "binary/octet-stream"]);

/** What begins a file, in Latin-1, and what it is then. */
const beginnings: readonly (readonly [beginning: RegExp, mediaType: string])[] = [
  [/^\x89PNG\r\n/, "image/png"],
  [/^\xff\xd8\xff/, "image/jpeg"],
  [/^GIF8[79]a/, "image/gif"],
  [/^RIFF[^]{4}WEBP/, "image/webp"],
];

type Answer = Dispatcher.ResponseData;

/**
 * Fetches media that a client named by URL. Every hop goes through the door; unless the operator opened it, only
 * public addresses are reached. Nothing of the client's or ours is sent along, and no URL is repeated anywhere: it may
 * hold a secret.
 */
export class HttpMediaFetcher implements MediaFetcher, AsyncDisposable {
  readonly #agent: Agent;
  readonly #never: boolean;
  readonly #time: number;

  /** @param from `never` refuses every URL. */
  constructor(from: Reach | "never", limits: Partial<MediaLimits> = {}) {
    const { connect, time, size } = { ...usual, ...limits };
    this.#never = from === "never";
    this.#time = time;
    const reach = from === "anywhere" ? from : "public";
    this.#agent = new Agent({
      connect: guardedConnector(connect, reach),
      connections: mostConnections,
      maxResponseSize: size,
    });
  }

  async get(url: string, signal: AbortSignal): Promise<Result<FetchedMedia>> {
    if (this.#never) return refuse("fetching is switched off (server.media)");
    try {
      return await this.#follow(url, AbortSignal.any([signal, AbortSignal.timeout(this.#time)]));
    } catch (error) {
      const isRefused =
        error instanceof OutboundRefused || (error instanceof Error && error.cause instanceof OutboundRefused);
      return refuse(isRefused ? "its address is not a public one (server.media)" : "it could not be fetched");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #follow(url: string, signal: AbortSignal): Promise<Result<FetchedMedia>> {
    let current = URL.parse(url);
    for (let hop = 0; hop <= mostRedirects; hop++) {
      if (current === null || (current.protocol !== "https:" && current.protocol !== "http:")) {
        return refuse("it is no http or https URL");
      }
      if (current.username !== "" || current.password !== "") return refuse("it holds credentials");
      // oxlint-disable-next-line no-await-in-loop -- Each hop is known only when the one before it has answered.
      const answer = await request(current.href, {
        dispatcher: this.#agent,
        signal,
        headers: { accept: "image/*,*/*;q=0.5", "accept-encoding": "identity", "user-agent": "patchbay" },
      });
      const { location } = answer.headers;
      if (answer.statusCode < 300 || answer.statusCode >= 400 || typeof location !== "string") return read(answer);
      drop(answer);
      current = URL.parse(location, current.href);
    }
    return refuse("it redirects too often");
  }
}

async function read(answer: Answer): Promise<Result<FetchedMedia>> {
  const type = named(answer, "content-type").split(";")[0]?.trim() ?? "";
  const coding = named(answer, "content-encoding") || "identity";
  const isGood = answer.statusCode === 200 && coding === "identity";
  if (!isGood || !(wanted.test(type) || vague.has(type))) {
    drop(answer);
    if (answer.statusCode !== 200) return refuse(`it answered ${answer.statusCode}`);
    return refuse(coding === "identity" ? "it is no image" : "it came compressed");
  }
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  const mediaType = wanted.test(type) ? type : typeOf(bytes);
  if (mediaType === undefined || bytes.length === 0) return refuse("it is no image");
  return { ok: true, value: { mediaType, base64: bytes.toString("base64") } };
}

function typeOf(bytes: Buffer): string | undefined {
  const text = bytes.toString("latin1", 0, 16);
  return beginnings.find(([beginning]) => beginning.test(text))?.[1];
}

function named({ headers }: Answer, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value.toLowerCase() : "";
}

/** Lets go of an answer that nobody reads. */
function drop({ body }: Answer): void {
  body.on("error", () => {}).destroy();
}

function refuse(why: string): Result<never> {
  const message = `An image that the request names by URL cannot be had: ${why}. This backend takes images only as data.`;
  return { ok: false, failure: failure("bad-request", message) };
}
