import { Agent, request } from "undici";
import { failure } from "../kernel/failure.ts";
import type { FetchedMedia, MediaFetcher } from "../kernel/media.ts";
import type { Result } from "../kernel/result.ts";
import { guardedConnector, OutboundRefused } from "./door.ts";
import type { Reach } from "./door.ts";

/** Milliseconds until a connection must stand. */
const connectTime = 5000;

/** Milliseconds for the whole of one fetch, redirects included. */
const fetchTime = 15_000;

/** Largest file that is fetched, in bytes. */
const sizeLimit = 20_971_520;

const mostRedirects = 3;

const wanted = /^(?:image|audio|video)\/[a-z0-9.+-]+$|^application\/pdf$/;

/**
 * Fetches media that a client named by URL. Every hop goes through the door; unless the operator opened it, only
 * public addresses are reached. Nothing of the client's or ours is sent along.
 */
export class HttpMediaFetcher implements MediaFetcher, AsyncDisposable {
  readonly #agent: Agent;
  readonly #never: boolean;

  /** @param from `never` refuses every URL. */
  constructor(from: Reach | "never") {
    this.#never = from === "never";
    const reach = from === "anywhere" ? from : "public";
    this.#agent = new Agent({ connect: guardedConnector(connectTime, reach), maxResponseSize: sizeLimit });
  }

  async get(url: string): Promise<Result<FetchedMedia>> {
    if (this.#never) return refuse("fetching is switched off (server.media)");
    try {
      return await this.#follow(url, AbortSignal.timeout(fetchTime));
    } catch (error) {
      const refused =
        error instanceof OutboundRefused || (error instanceof Error && error.cause instanceof OutboundRefused);
      return refuse(refused ? "its address is not a public one (server.media)" : "it could not be fetched");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  async #follow(url: string, signal: AbortSignal): Promise<Result<FetchedMedia>> {
    let current = url;
    for (let hop = 0; hop <= mostRedirects; hop++) {
      const parsed = URL.parse(current);
      if (parsed === null || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) {
        return refuse("it is no http or https URL");
      }
      if (parsed.username !== "" || parsed.password !== "") return refuse("it holds credentials");
      // oxlint-disable-next-line no-await-in-loop -- Each hop is known only when the one before it has answered.
      const answer = await request(parsed.href, {
        dispatcher: this.#agent,
        signal,
        headers: { accept: "image/*,*/*;q=0.5", "user-agent": "patchbay" },
      });
      const { location } = answer.headers;
      if (answer.statusCode >= 300 && answer.statusCode < 400 && typeof location === "string") {
        answer.body.on("error", () => {}).destroy();
        current = URL.parse(location, parsed.href)?.href ?? "";
        continue;
      }
      const mediaType = String(answer.headers["content-type"] ?? "")
        .split(";")[0]
        ?.trim()
        .toLowerCase();
      if (answer.statusCode !== 200 || mediaType === undefined || !wanted.test(mediaType)) {
        answer.body.on("error", () => {}).destroy();
        return refuse(answer.statusCode === 200 ? "it is no image" : `it answered ${answer.statusCode}`);
      }
      // oxlint-disable-next-line no-await-in-loop -- The last hop.
      const bytes = await answer.body.arrayBuffer();
      return { ok: true, value: { mediaType, base64: Buffer.from(bytes).toString("base64") } };
    }
    return refuse("it redirects too often");
  }
}

/** The URL is not repeated: it may hold a secret. */
function refuse(why: string): Result<never> {
  const message = `An image that the request names by URL cannot be had: ${why}. This backend takes images only as data.`;
  return { ok: false, failure: failure("bad-request", message) };
}
