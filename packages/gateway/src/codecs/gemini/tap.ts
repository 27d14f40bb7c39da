import type { TapVerdict, WireEvent } from "../../kernel/codec.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { notJson } from "../shared/event-decoder.ts";
import { EventTap } from "../shared/event-tap.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { readFinish } from "./finish.ts";
import { blockReason, candidateIndex, errorInside, isMeaningful, noCandidates, readChunk } from "./look.ts";
import { readUsage } from "./usage.ts";

interface Watched {
  finish: string | undefined;
  hasCalls: boolean;
}

/** Watches Gemini's answers. Judges completeness exactly as the decoder does: only the end of the stream is the end. */
export class GeminiTap extends EventTap {
  readonly #candidates = new Map<number, Watched>();
  #blocked: string | undefined;

  protected lookAt(event: WireEvent): TapVerdict {
    const chunk = readChunk(event.data);
    if (chunk === undefined) return this.fail("broken-stream", notJson);
    return this.#chunk(chunk);
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    this.#chunk(body);
    if (seen.failure !== undefined) return;
    if (this.#candidates.size === 0 && this.#blocked === undefined) this.fail("bad-response", noCandidates);
    else this.end();
  }

  protected override ended(): string {
    if (!this.seen.finished) return super.ended();
    this.seen.done = true;
    return "";
  }

  #chunk(chunk: JsonObject): TapVerdict {
    const { seen } = this;
    const problem = errorInside(chunk);
    if (problem !== undefined) return this.failWith(problem);
    const model = textOf(chunk["modelVersion"]);
    if (seen.model === undefined && model !== undefined) seen.model = model;
    this.#blocked = blockReason(chunk) ?? this.#blocked;
    for (const [place, item] of arrayOf(chunk["candidates"]).entries()) {
      if (isJsonObject(item)) this.#candidate(candidateIndex(item, place), item);
    }
    const usage = objectOf(chunk["usageMetadata"]);
    if (usage !== undefined) seen.usage = { ...seen.usage, ...readUsage(usage) };
    this.#judge();
    return "pass";
  }

  #candidate(index: number, candidate: JsonObject): void {
    let watched = this.#candidates.get(index);
    if (watched === undefined) this.#candidates.set(index, (watched = { finish: undefined, hasCalls: false }));
    for (const part of arrayOf(objectOf(candidate["content"])?.["parts"])) {
      if (isMeaningful(part)) this.seen.started = true;
      if (textOf(objectOf(objectOf(part)?.["functionCall"])?.["name"]) !== undefined) watched.hasCalls = true;
    }
    watched.finish = textOf(candidate["finishReason"]) ?? watched.finish;
  }

  #judge(): void {
    const { seen } = this;
    const all = [...this.#candidates.values()];
    if (all.length === 0) {
      if (this.#blocked === undefined) return;
      seen.finish = { unified: "content-filter", raw: this.#blocked };
    } else {
      const first = this.#candidates.get(0) ?? all[0];
      if (first?.finish !== undefined) seen.finish = readFinish(first.finish, first.hasCalls);
    }
    seen.finished = all.every(({ finish }) => finish !== undefined);
    if (seen.finish !== undefined) seen.started = true;
  }
}
