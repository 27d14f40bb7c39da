import { randomBytes } from "node:crypto";
import type { Clock } from "../kernel/clock.ts";
import { failures } from "../kernel/failure.ts";
import type { FailureKind } from "../kernel/failure.ts";
import { Secret } from "../kernel/secret.ts";
import { Link } from "../limits/shared/link.ts";
import type { Pause } from "../limits/shared/link.ts";
import { redisDial } from "../limits/shared/redis.ts";
import { SharedLimitStore } from "../limits/shared/store.ts";
import type { Cooldowns } from "../routing/cooldowns.ts";
import type { Log } from "../telemetry/log.ts";

/** Shorter pauses are over before others could keep to them; milliseconds. */
const shortestPause = 500;

export interface SharedStateParts {
  readonly url: Secret;
  readonly clock: Clock;
  readonly log: Log;
}

/** What replicas share by Redis: what counts towards limits, and who asked for a pause. */
export class SharedState implements AsyncDisposable {
  readonly link: Link;
  readonly store: SharedLimitStore;
  /** What is wrong with it, for people; undefined when nothing is. */
  trouble: string | undefined;
  #cooldowns: Cooldowns | undefined;
  #isHearing = false;

  private constructor(link: Link, store: SharedLimitStore) {
    this.link = link;
    this.store = store;
  }

  /** Loads the client; connects to nothing yet. */
  static async load({ url, clock, log }: SharedStateParts): Promise<SharedState> {
    log.hide(secretsOf(url));
    const link = new Link({
      dial: await redisDial(url),
      clock,
      id: randomBytes(8).toString("hex"),
      changed: (isUp, why) => state.#changed(isUp, why, log),
      paused: (pause) => state.#hear(pause),
    });
    const state = new SharedState(link, new SharedLimitStore({ link, clock }));
    return state;
  }

  /** Shares these pauses from now on. */
  share(cooldowns: Cooldowns): void {
    this.#cooldowns = cooldowns;
    cooldowns.started = ({ endpoint, model, credential }, left, why) => {
      if (this.#isHearing || left < shortestPause) return;
      this.link.announce({ text: JSON.stringify([endpoint, model ?? null, credential ?? null, why]), left });
    };
  }

  /** Tries once to reach Redis, for half a second or so at most, and goes on trying. */
  async begin(): Promise<void> {
    await this.link.begin(this.store);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#cooldowns !== undefined) this.#cooldowns.started = undefined;
    await this.link[Symbol.asyncDispose]();
  }

  #changed(isUp: boolean, why: string, log: Log): void {
    const count = this.link.replicas;
    this.trouble = isUp
      ? undefined
      : `the shared state is away (${why}): every replica keeps to its part of the limits`;
    if (isUp) log.info("the shared state is there", { count });
    else log.warn("the shared state is away: every replica keeps to its part of the limits", { reason: why, count });
  }

  /** What stands in Redis may be of another version, or of nobody. */
  #hear({ text, left }: Pause): void {
    let parts: unknown;
    try {
      parts = JSON.parse(text);
    } catch {
      return;
    }
    if (!Array.isArray(parts)) return;
    const [endpoint, model, credential, why] = parts as readonly unknown[];
    if (typeof endpoint !== "string" || !isFailureKind(why)) return;
    const scope = {
      endpoint,
      model: typeof model === "string" ? model : undefined,
      credential: typeof credential === "number" ? credential : undefined,
    };
    this.#isHearing = true;
    this.#cooldowns?.start(scope, Math.min(left, longestPause), why);
    this.#isHearing = false;
  }
}

/** Whatever stands in Redis; milliseconds. */
const longestPause = 86_400_000;

const isFailureKind = (word: unknown): word is FailureKind => typeof word === "string" && Object.hasOwn(failures, word);

/** The URL, and the password in it. */
function secretsOf(url: Secret): readonly Secret[] {
  const { password } = new URL(url.reveal());
  return [url, ...(password === "" ? [] : [new Secret(password), new Secret(decodeURIComponent(password))])];
}
