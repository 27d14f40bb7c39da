import type { Observation, Tap, TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { objectOf, textOf } from "../shared/json.ts";
import { noFinish, notJson } from "../shared/openai-decoder.ts";
import { errorIn } from "./errors.ts";
import { readCounts, readDone } from "./finish.ts";
import type { Form } from "./forms.ts";
import { noAnswer } from "./line-decode.ts";

/** Watches the lines of an answer. Judges completeness exactly as the decoder does. */
export class LineTap implements Tap {
  readonly seen: Observation = { started: false, finished: false, done: false };
  readonly #form: Form;
  #hasCalls = false;

  constructor(form: Form) {
    this.#form = form;
  }

  event(event: WireEvent): TapVerdict {
    const { seen } = this;
    if (seen.failure !== undefined || seen.done) return "drop";
    if (event.data === "") return "pass";
    let line: Json;
    try {
      line = JSON.parse(event.data);
    } catch {
      return this.#fail(failure("broken-stream", notJson));
    }
    if (!isJsonObject(line)) return this.#fail(failure("broken-stream", notJson));
    return this.#line(line, line["done"] === true);
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    const answers = this.#form.read(body) !== undefined;
    this.#line(body, body["done"] === true || (answers && (body["done"] ?? null) === null));
    if (seen.failure === undefined && !seen.done) this.#fail(failure("bad-response", answers ? noFinish : noAnswer));
  }

  end(): string {
    if (!this.seen.done) this.seen.failure ??= failure("broken-stream", noFinish);
    return "";
  }

  #fail(reason: Failure): TapVerdict {
    this.seen.failure = reason;
    return "drop";
  }

  #line(line: JsonObject, done: boolean): TapVerdict {
    const { seen } = this;
    const problem = errorIn(line);
    if (problem !== undefined) return this.#fail(problem);
    if (seen.model === undefined && typeof line["model"] === "string" && line["model"] !== "")
      seen.model = line["model"];
    const said = this.#form.read(line);
    if (said !== undefined) {
      if (hasCall(said.calls)) this.#hasCalls = true;
      if (this.#hasCalls || isSaid(said.text) || isSaid(said.thinking) || hasItems(said.images)) seen.started = true;
    }
    if (done) this.#finish(line);
    return "pass";
  }

  #finish(line: JsonObject): void {
    const { seen } = this;
    seen.started = true;
    seen.finished = true;
    seen.done = true;
    seen.finish = readDone(line, this.#hasCalls);
    const usage = readCounts(line);
    if (usage !== undefined) seen.usage = usage;
  }
}

function isSaid(value: Json | undefined): boolean {
  return typeof value === "string" && value !== "";
}

function hasItems(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}

function hasCall(value: Json | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.some((call: Json) => textOf(objectOf(objectOf(call)?.["function"])?.["name"]) !== undefined)
  );
}
