import { isJsonObject } from "../kernel/json.ts";

/** How long an endpoint may take to say how it is, in milliseconds. */
const answerTime = 5000;

/** So many questions in a row must have gone unanswered, or answered badly, before an endpoint counts as unhealthy. */
const enough = 2;

/** Gateways that start together are not to ask together: intervals differ by up to this share, both ways. */
const jitter = 0.1;

/** The first question is asked within so many milliseconds. */
const firstWithin = 1000;

/** An endpoint that is asked how it is. */
export interface Polled {
  readonly name: string;
  readonly url: string;
  /** Milliseconds. */
  readonly every: number;
}

export interface HealthAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PollerParts {
  /** Asks through the door; undefined when nobody answers in time. @param timeout Milliseconds. */
  readonly ask: (url: string, timeout: number) => Promise<HealthAnswer | undefined>;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Told what is known of an endpoint, after every question. */
  readonly tell: (endpoint: string, healthy: boolean) => void;
}

/** How an answer is to be taken: `down` is the endpoint's own word, `bad` anything that may be a passing trouble. */
export type Verdict = "well" | "bad" | "down";

const badWords = new Set(["down", "error", "unhealthy"]);

/**
 * The seed's rules: 2xx is well, unless it holds JSON that says `{"healthy": false}` or has a status of `down`, `error`
 * or `unhealthy`; any other status, and no answer, is not.
 */
export function judge(answer: HealthAnswer | undefined): Verdict {
  if (answer === undefined || answer.status < 200 || answer.status > 299) return "bad";
  let said: unknown;
  try {
    // ASP.NET's writers put a byte order mark before it.
    said = JSON.parse(answer.body.replace(/^\ufeff/, ""));
  } catch {
    return "well";
  }
  if (!isJsonObject(said)) return "well";
  const { healthy, status } = said;
  if (healthy === false) return "down";
  return typeof status === "string" && badWords.has(status.toLowerCase()) ? "down" : "well";
}

/** Asks endpoints how they are, each in its own interval. Only those that the document names a URL for. */
export class HealthPoller implements Disposable {
  readonly #parts: PollerParts;
  readonly #running = new Map<string, Poll>();

  constructor(parts: PollerParts) {
    this.#parts = parts;
  }

  /** Takes over whom to ask. Those who are asked the same as before are not disturbed; the others count as well. */
  watch(endpoints: readonly Polled[]): void {
    const wanted = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
    for (const [name, poll] of this.#running) {
      const now = wanted.get(name);
      if (now?.url === poll.about.url && now.every === poll.about.every) continue;
      poll[Symbol.dispose]();
      this.#running.delete(name);
      this.#parts.tell(name, true);
    }
    for (const [name, about] of wanted) {
      if (!this.#running.has(name)) this.#running.set(name, new Poll(about, this.#parts));
    }
  }

  [Symbol.dispose](): void {
    for (const poll of this.#running.values()) poll[Symbol.dispose]();
    this.#running.clear();
  }
}

/** The questions to one endpoint. */
class Poll implements Disposable {
  readonly about: Polled;
  readonly #parts: PollerParts;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #over = false;

  constructor(about: Polled, parts: PollerParts) {
    this.about = about;
    this.#parts = parts;
    this.#plan(Math.min(firstWithin, about.every) * parts.random());
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #plan(delay: number): void {
    this.#timer = setTimeout(() => void this.#ask(), delay).unref();
  }

  async #ask(): Promise<void> {
    const { url, every, name } = this.about;
    const { ask, random, tell } = this.#parts;
    const verdict = judge(await ask(url, answerTime));
    if (this.#over) return;
    this.#failures = verdict === "well" ? 0 : verdict === "down" ? enough : this.#failures + 1;
    tell(name, this.#failures < enough);
    this.#plan(every * (1 + jitter * (2 * random() - 1)));
  }
}
