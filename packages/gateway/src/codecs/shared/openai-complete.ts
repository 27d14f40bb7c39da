import type { Json } from "../../kernel/json.ts";

/**
 * The one judge of whether an OpenAI-like answer is complete: every candidate that was seen has a finish reason, with
 * or without `[DONE]`. Decoder, tap and encoders ask it.
 */
export class Completeness {
  /** By candidate: `empty` is a finish reason of "", an end for some backends, but only `[DONE]` tells. */
  readonly #candidates = new Map<number, "open" | "empty" | "finished">();

  get complete(): boolean {
    if (this.#candidates.size === 0) return false;
    for (const state of this.#candidates.values()) if (state !== "finished") return false;
    return true;
  }

  get seenAny(): boolean {
    return this.#candidates.size > 0;
  }

  /** A candidate has begun. Tells whether that is news. */
  see(candidate: number): boolean {
    if (this.#candidates.has(candidate)) return false;
    this.#candidates.set(candidate, "open");
    return true;
  }

  isFinished(candidate: number): boolean {
    return this.#candidates.get(candidate) === "finished";
  }

  finish(candidate: number): void {
    this.#candidates.set(candidate, "finished");
  }

  /** Takes note of a choice's `finish_reason`; the word, if it ends the candidate. */
  note(candidate: number, reason: Json | undefined): string | undefined {
    if (typeof reason === "string" && reason !== "") {
      this.finish(candidate);
      return reason;
    }
    this.#candidates.set(candidate, reason === "" ? "empty" : "open");
    return undefined;
  }

  /** Nothing more is to come, so that an empty finish reason counts: the candidates that it ends. */
  mark(): readonly number[] {
    const ended = [...this.#candidates].filter(([, state]) => state === "empty").map(([candidate]) => candidate);
    for (const candidate of ended) this.finish(candidate);
    return ended;
  }
}
