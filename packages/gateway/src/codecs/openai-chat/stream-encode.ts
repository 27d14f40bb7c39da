import type { AnswerContext } from "../../kernel/codec.ts";
import type { AnswerEvent, PartHead } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { opaqueName, vendorFields } from "../shared/extra.ts";
import { ChunkEncoder } from "../shared/openai-encoder.ts";
import { writeFinish } from "../shared/openai-finish.ts";
import { chatLogprobs } from "../shared/openai-logprobs.ts";
import { callLosses, calledAs, clientForm, writeImage } from "./client-form.ts";
import type { ClientForm } from "./client-form.ts";
import { blocksOf } from "./reasoning.ts";

interface OpenPart {
  readonly head: PartHead;
  /** Which of the candidate's calls it is; -1 for what is none. */
  readonly call: number;
  /** An image's base64, which is told at once. */
  base64: string;
}

interface Candidate {
  roleSent: boolean;
  calls: number;
  readonly parts: Map<number, OpenPart>;
}

/**
 * Writes chat chunks that the strictest measured client accepts: every chunk bears id, object, created and model,
 * every choice its index; the role comes first, and a call's first fragment has index, id and type.
 */
export class ChatStreamEncoder extends ChunkEncoder {
  readonly #context: AnswerContext;
  readonly #form: ClientForm;
  readonly #candidates = new Map<number, Candidate>();

  constructor(context: AnswerContext) {
    super("openai-chat", context);
    this.#context = context;
    this.#form = clientForm(context.request);
    this.base = this.#head({ type: "start" });
  }

  protected write(event: AnswerEvent): readonly string[] {
    switch (event.type) {
      case "start":
        this.base = this.#head(event);
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
      case "finish":
        return this.#finish(event);
      default:
        return [];
    }
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
      if (typeof value === "object") this.once = { ...this.once, [name]: value };
      else this.base = { [name]: value, ...this.base };
    }
  }

  #candidate(index: number): Candidate {
    let candidate = this.#candidates.get(index);
    if (candidate === undefined) {
      candidate = { roleSent: false, calls: 0, parts: new Map() };
      this.#candidates.set(index, candidate);
      this.completeness.see(index);
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
      out.push(this.chunk([choice({ role: "assistant", content: isCall ? null : "" })]));
    }
    out.push(this.chunk([{ ...choice(delta), ...fields }]));
    return out;
  }

  #partStart(event: Extract<AnswerEvent, { type: "part-start" }>): string[] {
    const candidate = this.#candidate(event.candidate);
    const { head } = event;
    if (head.type !== "tool-call") {
      candidate.parts.set(event.part, { head, call: -1, base64: "" });
      return [];
    }
    const call = candidate.calls;
    candidate.calls += 1;
    candidate.parts.set(event.part, { head, call, base64: "" });
    for (const loss of callLosses(head, call, this.#form)) this.#context.lost(loss);
    if (this.#form.legacy) {
      // The legacy form has room for one call.
      return call > 0 ? [] : this.#choice(event.candidate, { function_call: { name: head.name, arguments: "" } });
    }
    const called =
      calledAs(head, this.#form) === "custom"
        ? { type: "custom", custom: { name: head.name, input: "" } }
        : { type: "function", function: { name: head.name, arguments: "" } };
    return this.#choice(event.candidate, { tool_calls: [{ index: call, id: head.id, ...called }] });
  }

  #partDelta(event: Extract<AnswerEvent, { type: "part-delta" }>): string[] {
    const part = this.#candidate(event.candidate).parts.get(event.part);
    if (part === undefined || this.completeness.isFinished(event.candidate)) return [];
    if (part.head.type === "image") part.base64 += event.text;
    if (event.text === "" && event.logprobs === undefined) return [];
    const fields = event.logprobs === undefined ? {} : { logprobs: chatLogprobs(event.logprobs) };
    const delta = this.#delta(part, event.text);
    return delta === undefined ? [] : this.#choice(event.candidate, delta, fields);
  }

  #delta({ head, call }: OpenPart, text: string): JsonObject | undefined {
    switch (head.type) {
      case "text":
        return { content: text };
      case "refusal":
        return { refusal: text };
      case "reasoning":
        return { reasoning_content: text };
      case "tool-call":
        return this.#callDelta(calledAs(head, this.#form), call, text);
      default:
        return undefined;
    }
  }

  #callDelta(kind: "function" | "custom", call: number, text: string): JsonObject | undefined {
    if (this.#form.legacy) return call > 0 ? undefined : { function_call: { arguments: text } };
    const grown = kind === "custom" ? { custom: { input: text } } : { function: { arguments: text } };
    return { tool_calls: [{ index: call, ...grown }] };
  }

  /**
   * What came with a part beside its text, such as a call's thought signature in `extra_content`, or the blocks of
   * reasoning; and what is told at once.
   */
  #partEnd(event: Extract<AnswerEvent, { type: "part-end" }>): string[] {
    const part = this.#candidate(event.candidate).parts.get(event.part);
    if (part === undefined || this.completeness.isFinished(event.candidate)) return [];
    const delta = this.#ending(part, event.keep);
    return delta === undefined || Object.keys(delta).length === 0 ? [] : this.#choice(event.candidate, delta);
  }

  #ending({ head, call, base64 }: OpenPart, keep: Extra | undefined): JsonObject | undefined {
    const own = keep?.["openai-chat"];
    switch (head.type) {
      case "image":
        return { images: [writeImage(head.mediaType, base64)] };
      case "reasoning":
        return blocksOf(own);
      case "opaque":
        if (own === undefined) this.#context.lost({ field: opaqueName(keep), reason: "unsupported" });
        return own;
      case "tool-call":
        return own === undefined || this.#form.legacy ? undefined : { tool_calls: [{ ...own, index: call }] };
      default:
        return undefined;
    }
  }

  #extra(index: number, extra: Extra): string[] {
    this.#answerFields(extra);
    const message = vendorFields(extra, "openai-chat", "message");
    const choice = vendorFields(extra, "openai-chat", "choice");
    if (Object.keys(message).length === 0 && Object.keys(choice).length === 0) return [];
    return this.completeness.isFinished(index) ? [] : this.#choice(index, message, choice);
  }

  #finish(event: Extract<AnswerEvent, { type: "finish" }>): string[] {
    const candidate = this.#candidate(event.candidate);
    if (this.completeness.isFinished(event.candidate)) return [];
    const calls = candidate.calls === 0 ? "stop" : this.#form.legacy ? "function_call" : "tool_calls";
    this.#answerFields(event.extra);
    const fields = {
      ...vendorFields(event.extra, "openai-chat", "choice"),
      finish_reason: writeFinish(event.reason, calls),
    };
    const out = this.#choice(event.candidate, vendorFields(event.extra, "openai-chat", "message"), fields);
    this.completeness.finish(event.candidate);
    return out;
  }
}
