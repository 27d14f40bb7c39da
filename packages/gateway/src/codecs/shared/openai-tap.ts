import type { Observation, Tap, TapOptions, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf } from "./json.ts";
import { choiceIndex, noFinish, notJson } from "./openai-decoder.ts";
import { errorInside, readError } from "./openai-error-read.ts";
import { readFinish } from "./openai-finish.ts";
import { doneEvent, isDone } from "./openai-sse.ts";
import { findUsage, readUsage } from "./openai-usage.ts";

/** What one choice of a chunk or a whole answer holds, as far as watching needs it. */
export interface ChoiceSight {
  /** Content, a call, or a refusal. A role mark is nothing. */
  readonly meaningful: boolean;
  readonly hasCalls: boolean;
}

interface Watched {
  finished: boolean;
  emptyFinish: boolean;
  hasCalls: boolean;
}

/** Watches OpenAI-like answers. Judges completeness exactly as the decoder does. */
export class AnswerTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };
  readonly #look: (choice: JsonObject) => ChoiceSight;
  readonly #dropUsageEvent: boolean;
  readonly #choices = new Map<number, Watched>();

  constructor(look: (choice: JsonObject) => ChoiceSight, options: TapOptions) {
    this.#look = look;
    this.#dropUsageEvent = options.dropUsageEvent;
  }

  event(event: WireEvent): TapVerdict {
    const { seen } = this;
    if (seen.failure !== undefined || seen.done) return "drop";
    if (event.data === "") return "pass";
    if (isDone(event.data)) return this.#mark();
    let chunk: Json;
    try {
      chunk = JSON.parse(event.data);
    } catch {
      return this.#fail(failure("broken-stream", notJson));
    }
    if (!isJsonObject(chunk)) return this.#fail(failure("broken-stream", notJson));
    if (event.event === "error") return this.#fail(readError(0, chunk));
    return this.#chunk(chunk);
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    this.#chunk(body);
    if (seen.failure !== undefined) return;
    if (this.#choices.size === 0) this.#fail(failure("bad-response", "The provider's answer has no choices."));
    else this.#mark();
  }

  end(): string {
    const { seen } = this;
    if (seen.failure !== undefined || seen.done) return "";
    if (!seen.finished) {
      this.#fail(failure("broken-stream", noFinish));
      return "";
    }
    seen.done = true;
    return doneEvent;
  }

  #fail(reason: Failure): TapVerdict {
    this.seen.failure = reason;
    return "drop";
  }

  /** Nothing more is to come: a finish reason of "" now counts. */
  #mark(): TapVerdict {
    const { seen } = this;
    for (const [index, watched] of this.#choices) {
      if (!watched.finished && watched.emptyFinish) this.#finish(index, watched, "");
    }
    seen.finished = this.#allFinished();
    if (!seen.finished) return this.#fail(failure("broken-stream", noFinish));
    seen.done = true;
    return "pass";
  }

  #chunk(chunk: JsonObject): TapVerdict {
    const { seen } = this;
    const problem = errorInside(chunk);
    if (problem !== undefined) return this.#fail(problem);
    const { model, choices } = chunk;
    if (seen.model === undefined && typeof model === "string" && model !== "") seen.model = model;
    const list = arrayOf(choices);
    for (let place = 0; place < list.length; place += 1) {
      const choice = list[place];
      if (isJsonObject(choice)) this.#choice(choiceIndex(choice, place), choice);
    }
    const usage = findUsage(chunk);
    if (usage === undefined) return "pass";
    seen.usage = { ...seen.usage, ...readUsage(usage) };
    return this.#dropUsageEvent && Array.isArray(choices) && list.length === 0 ? "drop" : "pass";
  }

  #choice(index: number, choice: JsonObject): void {
    const { seen } = this;
    let watched = this.#choices.get(index);
    if (watched === undefined) {
      watched = { finished: false, emptyFinish: false, hasCalls: false };
      this.#choices.set(index, watched);
      seen.finished = false;
    }
    if (watched.finished) return;
    const sight = this.#look(choice);
    if (sight.meaningful) seen.started = true;
    if (sight.hasCalls) watched.hasCalls = true;
    const raw = choice["finish_reason"];
    watched.emptyFinish = raw === "";
    if (typeof raw !== "string" || raw === "") return;
    this.#finish(index, watched, raw);
    seen.finished = this.#allFinished();
  }

  #finish(index: number, watched: Watched, raw: string): void {
    watched.finished = true;
    this.seen.started = true;
    if (index === 0 || this.seen.finish === undefined) this.seen.finish = readFinish(raw, watched.hasCalls);
  }

  #allFinished(): boolean {
    if (this.#choices.size === 0) return false;
    for (const watched of this.#choices.values()) if (!watched.finished) return false;
    return true;
  }
}
