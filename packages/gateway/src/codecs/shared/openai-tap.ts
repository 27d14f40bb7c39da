import type { TapOptions, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { noFinish } from "./event-decoder.ts";
import { EventTap } from "./event-tap.ts";
import { arrayOf } from "./json.ts";
import { Completeness } from "./openai-complete.ts";
import { choiceIndex, noChoices } from "./openai-decoder.ts";
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

/** Watches OpenAI-like answers. Judges completeness exactly as the decoder does. */
export class AnswerTap extends EventTap {
  readonly #look: (choice: JsonObject) => ChoiceSight;
  readonly #dropUsageEvent: boolean;
  readonly #completeness = new Completeness();
  /** Candidates with a tool call. */
  readonly #calling = new Set<number>();

  constructor(look: (choice: JsonObject) => ChoiceSight, options: TapOptions) {
    super();
    this.#look = look;
    this.#dropUsageEvent = options.dropUsageEvent;
  }

  protected lookAt(event: WireEvent): TapVerdict {
    if (isDone(event.data)) return this.#mark();
    const chunk = this.parse(event.data);
    if (chunk === undefined) return "drop";
    if (event.event === "error") return this.failWith(readError(0, chunk));
    return this.#chunk(chunk);
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    this.#chunk(body);
    if (seen.failure !== undefined) return;
    if (!this.#completeness.seenAny) this.fail("bad-response", noChoices);
    else this.#mark();
  }

  protected override ended(): string {
    if (!this.seen.finished) return super.ended();
    this.seen.done = true;
    return doneEvent;
  }

  /** Nothing more is to come: a finish reason of "" now counts. */
  #mark(): TapVerdict {
    const { seen } = this;
    for (const index of this.#completeness.mark()) this.#finish(index, "");
    seen.finished = this.#completeness.complete;
    if (!seen.finished) return this.fail("broken-stream", noFinish);
    seen.done = true;
    return "pass";
  }

  #chunk(chunk: JsonObject): TapVerdict {
    const { seen } = this;
    const problem = errorInside(chunk);
    if (problem !== undefined) return this.failWith(problem);
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
    if (this.#completeness.see(index)) seen.finished = false;
    if (this.#completeness.isFinished(index)) return;
    const sight = this.#look(choice);
    if (sight.meaningful) seen.started = true;
    if (sight.hasCalls) this.#calling.add(index);
    const raw = this.#completeness.note(index, choice["finish_reason"]);
    if (raw === undefined) return;
    this.#finish(index, raw);
    seen.finished = this.#completeness.complete;
  }

  #finish(index: number, raw: string): void {
    this.seen.started = true;
    if (index === 0 || this.seen.finish === undefined) this.seen.finish = readFinish(raw, this.#calling.has(index));
  }
}
