import type { TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { noFinish } from "../shared/event-decoder.ts";
import { EventTap } from "../shared/event-tap.ts";
import { objectOf, textOf } from "../shared/json.ts";
import { errorIn } from "./errors.ts";
import { readCounts, readDone } from "./finish.ts";
import type { Form } from "./forms.ts";
import { noAnswer } from "./line-decode.ts";

/** Watches the lines of an answer. Judges completeness exactly as the decoder does. */
export class LineTap extends EventTap {
  readonly #form: Form;
  #hasCalls = false;

  constructor(form: Form) {
    super();
    this.#form = form;
  }

  protected lookAt(event: WireEvent): TapVerdict {
    const line = this.parse(event.data);
    if (line === undefined) return "drop";
    return this.#line(line, line["done"] === true);
  }

  whole(body: JsonObject): void {
    const { seen } = this;
    const answers = this.#form.read(body) !== undefined;
    this.#line(body, body["done"] === true || (answers && (body["done"] ?? null) === null));
    if (seen.failure === undefined && !seen.done) this.fail("bad-response", answers ? noFinish : noAnswer);
  }

  #line(line: JsonObject, done: boolean): TapVerdict {
    const { seen } = this;
    const problem = errorIn(line);
    if (problem !== undefined) return this.failWith(problem);
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
