import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Extra } from "../../kernel/request.ts";
import type { Usage } from "../../kernel/usage.ts";
import { vendorFields } from "../shared/extra.ts";
import { objectOf } from "../shared/json.ts";
import { writeStreamError } from "../shared/openai-error-write.ts";
import { writeFinish } from "../shared/openai-finish.ts";
import { doneEvent } from "../shared/openai-sse.ts";
import { writeUsage } from "../shared/openai-usage.ts";
import { usesFunctions } from "./legacy.ts";

interface Candidate {
  roleSent: boolean;
  finished: boolean;
  hasCalls: boolean;
  readonly parts: Map<number, { readonly head: PartHead; readonly tool: number }>;
}

/**
 * Writes chat chunks that the strictest measured client accepts: every chunk bears id, object, created and model,
 * every choice its index; the role comes first, and a call's first fragment has index, id and type.
 */
export class ChatStreamEncoder implements Machine<AnswerEvent, string> {
  readonly #context: AnswerContext;
  readonly #legacy: boolean;
  readonly #withUsage: boolean;
  readonly #candidates = new Map<number, Candidate>();
  /** Fields that every chunk bears. */
  #base: JsonObject;
  /** Fields that the next chunk bears. */
  #once: JsonObject = {};
  #usage: Usage | undefined;
  #usageRest: JsonObject = {};
  #over = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#legacy = usesFunctions(context.request);
    this.#withUsage = objectOf(context.request["stream_options"])?.["include_usage"] === true;
    this.#base = this.#head({ type: "start" });
  }

  push(event: AnswerEvent): readonly string[] {
    if (this.#over) return [];
    switch (event.type) {
      case "start":
        this.#base = this.#head(event);
        this.#answerFields(event.extra);
        return [];
      case "part-start":
        return this.#partStart(event);
      case "part-delta":
        return this.#partDelta(event);
      case "part-end":
        return this.#partEnd(event);
      case "extra":
        return this.#extra(event.candidate, event.extra);
      case "usage":
        this.#usage = { ...this.#usage, ...event.usage };
        this.#usageRest = {
          ...this.#usageRest,
          ...vendorFields(event.extra, "openai-chat", "usage"),
        };
        return [];
      case "finish":
        return this.#finish(event);
      case "failure":
        this.#over = true;
        return [writeStreamError(event.failure)];
      default:
        return [];
    }
  }

  end(): readonly string[] {
    if (this.#over) return [];
    this.#over = true;
    const complete = this.#candidates.size > 0 && [...this.#candidates.values()].every((each) => each.finished);
    if (!complete) return [writeStreamError(failure("broken-stream", "The answer ended before it was complete."))];
    if (!this.#withUsage || this.#usage === undefined) return [doneEvent];
    return [this.#chunk([], writeUsage(this.#usage, this.#usageRest)), doneEvent];
  }

  #head(start: Extract<AnswerEvent, { type: "start" }>): JsonObject {
    const { id, created, model, echoModel } = this.#context;
    return {
      id: start.id ?? `chatcmpl-${id}`,
      object: "chat.completion.chunk",
      created: start.created ?? created,
      model: echoModel ?? start.model ?? model,
    };
  }

  /** Single values such as `system_fingerprint` stay on every chunk; what is bigger is told once. */
  #answerFields(extra: Extra | undefined): void {
    for (const [name, value] of Object.entries(vendorFields(extra, "openai-chat", "answer"))) {
      if (typeof value === "object") this.#once = { ...this.#once, [name]: value };
      else this.#base = { [name]: value, ...this.#base };
    }
  }

  #chunk(choices: readonly Json[], usage: JsonObject | null): string {
    const once = this.#once;
    this.#once = {};
    const chunk = { ...once, ...this.#base, choices, ...(this.#withUsage ? { usage } : {}) };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  }

  #candidate(index: number): Candidate {
    let candidate = this.#candidates.get(index);
    if (candidate === undefined) {
      candidate = { roleSent: false, finished: false, hasCalls: false, parts: new Map() };
      this.#candidates.set(index, candidate);
    }
    return candidate;
  }

  /** A chunk with one choice, after the role if that was not said yet. */
  #choice(index: number, delta: JsonObject, fields: JsonObject = {}): string[] {
    const candidate = this.#candidate(index);
    const choice = (content: JsonObject) => ({
      index,
      delta: content,
      logprobs: null,
      finish_reason: null,
    });
    const out: string[] = [];
    if (!candidate.roleSent) {
      candidate.roleSent = true;
      const isCall = delta["tool_calls"] !== undefined || delta["function_call"] !== undefined;
      out.push(this.#chunk([choice({ role: "assistant", content: isCall ? null : "" })], null));
    }
    out.push(this.#chunk([{ ...choice(delta), ...fields }], null));
    return out;
  }

  #partStart(event: Extract<AnswerEvent, { type: "part-start" }>): string[] {
    const candidate = this.#candidate(event.candidate);
    const { head } = event;
    if (head.type !== "tool-call") {
      candidate.parts.set(event.part, { head, tool: -1 });
      return [];
    }
    const tool = [...candidate.parts.values()].filter((part) => part.tool >= 0).length;
    candidate.parts.set(event.part, { head, tool });
    candidate.hasCalls = true;
    if (this.#legacy) {
      // The legacy form has room for one call.
      return tool > 0 ? [] : this.#choice(event.candidate, { function_call: { name: head.name, arguments: "" } });
    }
    const called =
      head.tool === "custom"
        ? { type: "custom", custom: { name: head.name, input: "" } }
        : { type: "function", function: { name: head.name, arguments: "" } };
    return this.#choice(event.candidate, { tool_calls: [{ index: tool, id: head.id, ...called }] });
  }

  #partDelta(event: Extract<AnswerEvent, { type: "part-delta" }>): string[] {
    const candidate = this.#candidate(event.candidate);
    const part = candidate.parts.get(event.part);
    if (part === undefined || candidate.finished) return [];
    if (event.text === "" && event.logprobs === undefined) return [];
    const fields = event.logprobs === undefined ? {} : { logprobs: event.logprobs };
    const delta = this.#delta(part.head, part.tool, event.text);
    return delta === undefined ? [] : this.#choice(event.candidate, delta, fields);
  }

  #delta(head: PartHead, tool: number, text: string): JsonObject | undefined {
    switch (head.type) {
      case "text":
        return { content: text };
      case "refusal":
        return { refusal: text };
      case "reasoning":
        return { reasoning_content: text };
      case "image":
      case "opaque":
        return undefined;
      case "tool-call":
        if (this.#legacy) return tool > 0 ? undefined : { function_call: { arguments: text } };
        return {
          tool_calls: [
            {
              index: tool,
              ...(head.tool === "custom" ? { custom: { input: text } } : { function: { arguments: text } }),
            },
          ],
        };
    }
  }

  /** What came with a call beside its name and arguments, such as a thought signature in `extra_content`. */
  #partEnd(event: Extract<AnswerEvent, { type: "part-end" }>): string[] {
    const part = this.#candidate(event.candidate).parts.get(event.part);
    const keep = event.keep?.["openai-chat"];
    if (keep === undefined || part?.head.type !== "tool-call" || this.#legacy) return [];
    return this.#choice(event.candidate, { tool_calls: [{ ...keep, index: part.tool }] });
  }

  #extra(index: number, extra: Extra): string[] {
    this.#answerFields(extra);
    const message = vendorFields(extra, "openai-chat", "message");
    const choice = vendorFields(extra, "openai-chat", "choice");
    if (Object.keys(message).length === 0 && Object.keys(choice).length === 0) return [];
    return this.#candidate(index).finished ? [] : this.#choice(index, message, choice);
  }

  #finish(event: Extract<AnswerEvent, { type: "finish" }>): string[] {
    const candidate = this.#candidate(event.candidate);
    if (candidate.finished) return [];
    const calls = !candidate.hasCalls ? "stop" : this.#legacy ? "function_call" : "tool_calls";
    this.#answerFields(event.extra);
    const fields = {
      ...vendorFields(event.extra, "openai-chat", "choice"),
      finish_reason: writeFinish(event.reason, calls),
    };
    const out = this.#choice(event.candidate, vendorFields(event.extra, "openai-chat", "message"), fields);
    candidate.finished = true;
    return out;
  }
}
