import type { Failure } from "../kernel/failure.ts";
import { operations } from "../kernel/protocol.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import type { Attempt } from "./attempt.ts";
import { fetchImages } from "./media.ts";
import type { Learned } from "./prepare.ts";
import type { RelayContext } from "./types.ts";

/** What most exchanges know to their end. */
const nothing: Learned = { fetched: new Map(), stateless: false, missing: new Map() };

/** What an exchange learns about its request while it is tried, so that the same target can be asked otherwise. */
export class Lessons {
  readonly #context: Pick<RelayContext, "media" | "unserved">;
  learned: Learned = nothing;
  /** Who was tried a second time, such as because its connection had gone stale. */
  triedAgain: PlannedAttempt | undefined;
  /** How many targets wait for images that the client named by URL. */
  fetches = 0;
  #fetching: AbortController | undefined;
  /** Why an image that the client named by URL cannot be had. */
  #missingMedia: Failure | undefined;

  constructor(context: Pick<RelayContext, "media" | "unserved">) {
    this.#context = context;
  }

  /** Whether the same target is worth another try, and what is to be different then. */
  help(attempt: Attempt, { kind }: Failure): boolean {
    const { planned, protocol, endpoint } = attempt;
    if (kind === "unserved" && protocol !== undefined) {
      const { backend } = endpoint;
      const missing = new Set([...(this.learned.missing.get(planned.endpoint) ?? []), protocol]);
      this.learned = { ...this.learned, missing: new Map([...this.learned.missing, [planned.endpoint, missing]]) };
      const left = backend.kind === "wire" ? backend.serves.filter((each) => !missing.has(each)) : [];
      return left.some((each) => operations[each] === operations[protocol]);
    }
    if (this.triedAgain === planned) return false;
    this.triedAgain = planned;
    if (kind === "foreign-state") this.learned = { ...this.learned, stateless: true };
    return true;
  }

  /** An endpoint answers: what it had no route for before is not asked of it again. */
  answered({ planned }: Attempt): void {
    const missing = this.learned.missing.get(planned.endpoint);
    if (missing !== undefined) this.#context.unserved.note(planned.endpoint, missing);
  }

  /** Fetches images that the client named by URL. Resolves with a failure where one cannot be had; once is enough. */
  async fetchMedia(urls: readonly string[]): Promise<Failure | undefined> {
    if (this.#missingMedia !== undefined) return this.#missingMedia;
    this.#fetching ??= new AbortController();
    this.fetches++;
    const answer = await fetchImages(urls, this.#context.media, this.#fetching.signal);
    this.fetches--;
    if (!answer.ok) return (this.#missingMedia = answer.failure);
    this.learned = { ...this.learned, fetched: new Map([...this.learned.fetched, ...answer.value]) };
    return undefined;
  }

  /** Nobody waits for anything any more. */
  over(): void {
    this.#fetching?.abort();
  }
}
