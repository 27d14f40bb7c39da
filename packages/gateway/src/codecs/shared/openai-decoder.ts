import type { DecodeContext, WireEvent } from "../../kernel/codec.ts";
import type { AnswerEvent } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import { EventDecoder, noFinish, notJson } from "./event-decoder.ts";
import { parseExactObject } from "./exact.ts";
import { ChangedFields, vendorExtra } from "./extra.ts";
import { arrayOf, countOf, objectOf, textOf } from "./json.ts";
import { Completeness } from "./openai-complete.ts";
import { errorInside, readError } from "./openai-error-read.ts";
import { readFinish } from "./openai-finish.ts";
import { isDone } from "./openai-sse.ts";
import { findUsage, readUsage, usageRemainder } from "./openai-usage.ts";

/** What the reader of one candidate may say and know. */
export interface CandidateContext {
  readonly candidate: number;
  /** Unique per attempt, to make ids of: those of answers are not (Ollama's has three digits). */
  readonly id: string;
  readonly emit: (event: AnswerEvent) => void;
}

/** Reads the content of one candidate. Chat and legacy completions differ in nothing else. */
export interface CandidateReader {
  /** Reads one choice of a chunk, or of a whole answer. */
  read(choice: JsonObject): void;
  /** Ends every part that is open. */
  close(): void;
  /** At least one tool call was started. */
  readonly hasCalls: boolean;
}

export interface AnswerGrammar {
  readonly protocol: Protocol;
  reader(context: CandidateContext): CandidateReader;
}

interface Candidate {
  readonly reader: CandidateReader;
  readonly fields: ChangedFields;
  /** The stop string that was hit, where the backend tells. */
  stopSequence: string | undefined;
}

const answerFields = new Set(["id", "object", "created", "model", "choices", "usage", "error", "obfuscation"]);
const choiceFields = new Set(["index", "delta", "message", "text", "finish_reason", "logprobs", "usage", "error"]);

export const noChoices = "The provider's answer has no choices.";

/** vLLM's `stop_reason` and SGLang's `matched_stop`: the stop string, or a token's number. */
function stopSequence(choice: JsonObject): string | undefined {
  return textOf(choice["stop_reason"]) ?? textOf(choice["matched_stop"]);
}

/** The number of a choice: its `index`, or its place in the list where the backend left that out. */
export function choiceIndex(choice: JsonObject, place: number): number {
  return countOf(choice["index"]) ?? place;
}

/**
 * Decodes OpenAI-like chunks, liberally. A finish reason for every candidate that was seen is success, with or
 * without `[DONE]`; anything else that ends the stream is a failure.
 */
export class AnswerDecoder extends EventDecoder {
  readonly #grammar: AnswerGrammar;
  readonly #id: string;
  readonly #candidates = new Map<number, Candidate>();
  readonly #completeness = new Completeness();
  readonly #fields = new ChangedFields(answerFields);
  #waiting: JsonObject = {};
  #usage = "";
  #started = false;

  constructor(grammar: AnswerGrammar, { id }: DecodeContext) {
    super();
    this.#grammar = grammar;
    this.#id = id;
  }

  protected readEvent(event: WireEvent): void {
    if (isDone(event.data)) return this.#conclude(true);
    const chunk = parseExactObject(event.data);
    if (chunk === undefined) this.fail("broken-stream", notJson);
    else if (event.event === "error") this.failWith(readError(0, chunk));
    else this.#chunk(chunk);
  }

  protected override ended(): void {
    this.#conclude(false);
  }

  protected readWhole(body: JsonObject): void {
    this.#chunk(body);
    if (!this.over && !this.#completeness.seenAny) this.fail("bad-response", noChoices);
    if (!this.over) this.#conclude(true);
  }

  #conclude(marked: boolean): void {
    for (const index of marked ? this.#completeness.mark() : []) this.#finish(index, "");
    if (!this.#completeness.complete) this.fail("broken-stream", noFinish);
    this.over = true;
  }

  #chunk(chunk: JsonObject): void {
    const problem = errorInside(chunk);
    if (problem !== undefined) return this.failWith(problem);
    const choices = arrayOf(chunk["choices"]);
    const usage = findUsage(chunk);
    const fields = this.#fields.of(chunk);
    if (fields !== undefined) this.#waiting = { ...this.#waiting, ...fields };
    if (choices.length > 0 || usage !== undefined) this.#tell(chunk);
    for (const [place, item] of choices.entries()) {
      const choice = objectOf(item);
      if (choice !== undefined) this.#choice(choiceIndex(choice, place), choice);
    }
    if (usage !== undefined) this.#count(usage);
  }

  /** Starts the answer, or tells what fields beside `id` and `model` have come since. */
  #tell(chunk: JsonObject): void {
    const extra = vendorExtra(this.#grammar.protocol, { answer: this.#waiting });
    this.#waiting = {};
    if (!this.#started) {
      this.#started = true;
      const created = countOf(chunk["created"]);
      this.emit({
        type: "start",
        // Azure's first chunk has an empty id and model and 0 as its time.
        ...compact({
          id: textOf(chunk["id"]),
          model: textOf(chunk["model"]),
          created: created || undefined,
          extra,
        }),
      });
    } else if (extra !== undefined) {
      this.emit({ type: "extra", candidate: 0, extra });
    }
  }

  #choice(index: number, choice: JsonObject): void {
    if (this.#completeness.isFinished(index)) return;
    const candidate = this.#candidates.get(index) ?? this.#addCandidate(index);
    candidate.reader.read(choice);
    candidate.stopSequence ??= stopSequence(choice);
    const fields = candidate.fields.of(choice);
    const extra = fields && vendorExtra(this.#grammar.protocol, { choice: fields });
    if (extra !== undefined) this.emit({ type: "extra", candidate: index, extra });
    const raw = this.#completeness.note(index, choice["finish_reason"]);
    if (raw !== undefined) this.#finish(index, raw);
  }

  #addCandidate(index: number): Candidate {
    const emit = (event: AnswerEvent) => this.emit(event);
    const reader = this.#grammar.reader({ candidate: index, id: this.#id, emit });
    const candidate = { reader, fields: new ChangedFields(choiceFields), stopSequence: undefined };
    this.#candidates.set(index, candidate);
    this.#completeness.see(index);
    return candidate;
  }

  #finish(index: number, raw: string): void {
    const candidate = this.#candidates.get(index);
    if (candidate === undefined) return;
    candidate.reader.close();
    const reason = {
      ...readFinish(raw, candidate.reader.hasCalls),
      ...compact({ stopSequence: candidate.stopSequence }),
    };
    this.emit({ type: "finish", candidate: index, reason });
  }

  #count(usage: JsonObject): void {
    const text = JSON.stringify(usage);
    if (text === this.#usage) return;
    this.#usage = text;
    const extra = vendorExtra(this.#grammar.protocol, { usage: usageRemainder(usage) });
    this.emit({ type: "usage", usage: readUsage(usage), ...compact({ extra }) });
  }
}
