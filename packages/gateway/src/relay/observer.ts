import type { Observation } from "../kernel/codec.ts";
import type { AnswerEvent } from "../kernel/event.ts";

export function newObservation(): Observation {
  return { started: false, finished: false, done: false };
}

/** Notes what canonical events mean. An answer is finished when every candidate that has begun has its finish reason. */
export class Observer {
  readonly seen: Observation = newObservation();
  readonly #begun = new Set<number>();
  readonly #finished = new Set<number>();

  note(event: AnswerEvent): void {
    const seen = this.seen;
    switch (event.type) {
      case "start":
        if (event.model !== undefined) seen.model = event.model;
        break;
      case "part-start":
        if (!this.#begun.has(event.candidate)) {
          this.#begun.add(event.candidate);
          seen.finished = false;
        }
        if (event.head.type === "tool-call") seen.started = true;
        break;
      case "part-delta":
        if (event.text !== "") seen.started = true;
        seen.pieces = (seen.pieces ?? 0) + 1;
        seen.letters = (seen.letters ?? 0) + event.text.length;
        break;
      case "embedding":
        seen.started = true;
        seen.finished = true;
        break;
      case "usage":
        seen.usage = { ...seen.usage, ...event.usage };
        break;
      case "finish":
        seen.started = true;
        this.#begun.add(event.candidate);
        this.#finished.add(event.candidate);
        seen.finished = this.#finished.size === this.#begun.size;
        seen.finish ??= event.reason;
        break;
      case "failure":
        seen.failure = event.failure;
        break;
      case "part-end":
      case "extra":
        break;
    }
  }
}
