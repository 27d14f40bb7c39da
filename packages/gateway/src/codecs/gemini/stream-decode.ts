import type { DecodeContext, WireEvent } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { EventDecoder, noFinish, notJson } from "../shared/event-decoder.ts";
import { parseExactObject } from "../shared/exact.ts";
import { idStem } from "../shared/id-stem.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { CandidateReader } from "./candidate-read.ts";
import { readFinish } from "./finish.ts";
import { blockReason, candidateIndex, errorInside, noCandidates, readChunk } from "./look.ts";
import { readUsage, usageRemainder } from "./usage.ts";

const answerFields = new Set(["candidates", "usageMetadata", "modelVersion", "responseId", "error"]);

/**
 * Decodes Gemini's chunks. Only the end of the stream tells that an answer is over: a finish reason may come with
 * every chunk, and what follows it still counts. An end without one is a failure.
 */
export class AnswerDecoder extends EventDecoder {
  readonly #idStem: string;
  readonly #whole: boolean;
  readonly #candidates = new Map<number, CandidateReader>();
  readonly #fields = new ChangedFields(answerFields);
  #calls = 0;
  #usage = "";
  #blocked: string | undefined;
  #started = false;

  constructor(context: DecodeContext, whole = false) {
    super();
    this.#idStem = `call_${idStem(context.id)}`;
    this.#whole = whole;
  }

  protected readEvent(event: WireEvent): void {
    const chunk = parseExactObject(event.data) ?? readChunk(event.data);
    if (chunk === undefined) this.fail("broken-stream", notJson);
    else this.#chunk(chunk);
  }

  protected override ended(): void {
    this.#conclude();
  }

  protected readWhole(body: JsonObject): void {
    this.#chunk(body);
    if (!this.over && this.#candidates.size === 0 && this.#blocked === undefined) {
      this.fail("bad-response", noCandidates);
    }
    if (!this.over) this.#conclude();
  }

  #conclude(): void {
    this.over = true;
    const readers = [...this.#candidates];
    const complete = readers.every(([, reader]) => reader.finish !== undefined);
    if (readers.length === 0 ? this.#blocked === undefined : !complete) {
      return this.fail("broken-stream", noFinish);
    }
    for (const [candidate, reader] of readers) {
      reader.close();
      this.emit({ type: "finish", candidate, reason: readFinish(reader.finish ?? "", reader.hasCalls) });
    }
    if (readers.length > 0 || this.#blocked === undefined) return;
    // A prompt may be blocked for reasons that are no finish reasons.
    this.emit({ type: "finish", candidate: 0, reason: { unified: "content-filter", raw: this.#blocked } });
  }

  #chunk(chunk: JsonObject): void {
    const problem = errorInside(chunk);
    if (problem !== undefined) return this.failWith(problem);
    const candidates = arrayOf(chunk["candidates"]);
    const usage = objectOf(chunk["usageMetadata"]);
    this.#blocked = blockReason(chunk) ?? this.#blocked;
    if (candidates.length > 0 || usage !== undefined || this.#blocked !== undefined) this.#tell(chunk);
    if (usage !== undefined) this.#count(usage);
    for (const [place, item] of candidates.entries()) {
      const candidate = objectOf(item);
      if (candidate !== undefined) this.#reader(candidateIndex(candidate, place)).read(candidate);
    }
  }

  /** Starts the answer, or tells what other fields have come since. */
  #tell(chunk: JsonObject): void {
    const extra = vendorExtra("gemini", { answer: this.#fields.of(chunk) ?? {} });
    if (this.#started) {
      if (extra !== undefined) this.emit({ type: "extra", candidate: 0, extra });
      return;
    }
    this.#started = true;
    const time = Date.parse(textOf(chunk["createTime"]) ?? "");
    this.emit({
      type: "start",
      ...compact({
        id: textOf(chunk["responseId"]),
        model: textOf(chunk["modelVersion"]),
        created: Number.isNaN(time) ? undefined : Math.floor(time / 1000),
        extra,
      }),
    });
  }

  #reader(index: number): CandidateReader {
    let reader = this.#candidates.get(index);
    if (reader === undefined) {
      reader = new CandidateReader({
        index,
        whole: this.#whole,
        newId: () => `${this.#idStem}_${this.#calls++}`,
        emit: (event) => this.emit(event),
      });
      this.#candidates.set(index, reader);
    }
    return reader;
  }

  #count(usage: JsonObject): void {
    const text = JSON.stringify(usage);
    if (text === this.#usage) return;
    this.#usage = text;
    const extra = vendorExtra("gemini", { usage: usageRemainder(usage) });
    this.emit({ type: "usage", usage: readUsage(usage), ...compact({ extra }) });
  }
}
