import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { Usage } from "../../kernel/usage.ts";
import { cutAnswer } from "./cut-answer.ts";
import { vendorFields } from "./extra.ts";
import { objectOf } from "./json.ts";
import { Completeness } from "./openai-complete.ts";
import { writeStreamError } from "./openai-error-write.ts";
import { dataEvent, doneEvent } from "./openai-sse.ts";
import { writeUsage } from "./openai-usage.ts";

/**
 * What the encoders of chat and of legacy completions share: chunks with a head, usage at the end for those who asked
 * for it, and `[DONE]` behind a complete answer only.
 */
export abstract class ChunkEncoder implements Machine<AnswerEvent, string> {
  protected readonly completeness = new Completeness();
  /** Fields that every chunk bears. */
  protected base: JsonObject = {};
  /** Fields that the next chunk bears. */
  protected once: JsonObject = {};
  readonly #protocol: Protocol;
  readonly #withUsage: boolean;
  #usage: Usage | undefined;
  #usageRest: JsonObject = {};
  #over = false;

  constructor(protocol: Protocol, { request }: AnswerContext) {
    this.#protocol = protocol;
    this.#withUsage = objectOf(request["stream_options"])?.["include_usage"] === true;
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    switch (event.type) {
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        this.#usageRest = { ...this.#usageRest, ...vendorFields(event.extra, this.#protocol, "usage") };
        return [];
      case "failure":
        this.#over = true;
        return [writeStreamError(event.failure)];
      default:
        return this.write(event);
    }
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    if (!this.completeness.complete) return [writeStreamError(cutAnswer())];
    const usage = this.#withUsage ? writeUsage(this.#usage, this.#usageRest) : undefined;
    return usage === undefined ? [doneEvent] : [this.chunk([], usage), doneEvent];
  }

  /** The chunks of an event that is neither usage nor a failure. */
  protected abstract write(event: AnswerEvent): readonly string[];

  protected chunk(choices: readonly Json[], usage: JsonObject | null = null): string {
    const { once } = this;
    this.once = {};
    return dataEvent({ ...once, ...this.base, choices, ...(this.#withUsage ? { usage } : {}) });
  }
}
