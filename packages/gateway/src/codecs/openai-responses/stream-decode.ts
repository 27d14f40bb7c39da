import type { DecodeContext, WireEvent } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { EventDecoder, noFinish, notJson } from "../shared/event-decoder.ts";
import { parseExactObject } from "../shared/exact.ts";
import { ChangedFields, vendorExtra } from "../shared/extra.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { isDone } from "../shared/openai-sse.ts";
import { finishOf, readEnding, readErrorEvent } from "./finish.ts";
import { hostsCustomTools } from "./hosted.ts";
import { ItemTable } from "./item-table.ts";
import { protocol } from "./own.ts";
import { readUsage, usageRemainder } from "./usage.ts";

/** Fields with a meaning of their own, and echoes of a request that the client's own request tells better. */
const known = new Set(
  (
    "id object created_at completed_at model output output_text usage status error incomplete_details " +
    "instructions tools previous_response_id conversation store background"
  ).split(" "),
);
/** Events that end a stream, and the status that they tell. */
export const endings: ReadonlyMap<string, string> = new Map([
  ["response.completed", "completed"],
  ["response.done", "completed"],
  ["response.incomplete", "incomplete"],
  ["response.failed", "failed"],
  ["response.cancelled", "cancelled"],
]);
export const noOutput = "The provider's response has no output.";

/** A failure for a response that is still being made, as those of background mode are. */
export function unfinished(status: Json | undefined): Failure | undefined {
  if (status !== "queued" && status !== "in_progress") return undefined;
  return failure("bad-response", `The provider's response is not complete: its status is ${status}.`);
}

/**
 * Decodes a Responses stream, liberally: only one of the terminal events is needed, and what events told an incomplete
 * story of is taken from the whole items, or from the response's `output`.
 */
export class ResponseDecoder extends EventDecoder {
  readonly #items: ItemTable;
  readonly #fields = new ChangedFields(known);
  #started = false;

  constructor(context: DecodeContext) {
    super();
    this.#items = new ItemTable(context.id, (event) => this.emit(event));
  }

  protected readEvent(event: WireEvent): void {
    const data = isDone(event.data) ? undefined : parseExactObject(event.data);
    if (data === undefined) this.fail("broken-stream", isDone(event.data) ? noFinish : notJson);
    else this.#event(typeOf(data, event.event), data);
  }

  protected readWhole(body: JsonObject): void {
    const pending = unfinished(body["status"]);
    if (pending !== undefined) this.failWith(pending);
    else if (!Array.isArray(body["output"]) && !saysWhy(body)) this.fail("bad-response", noOutput);
    else this.#end(body, "completed");
  }

  #event(type: string, event: JsonObject): void {
    if (type === "error") return this.failWith(readErrorEvent(event));
    const response = objectOf(event["response"]);
    const ending = endings.get(type);
    if (ending !== undefined) return this.#end(response ?? {}, ending);
    if (response !== undefined) return this.#start(response);
    if (!type.startsWith("response.")) return;
    // A stream may begin without `response.created`.
    this.#start({});
    this.#items.event(type, event);
  }

  #start(response: JsonObject): void {
    if (this.#started) return;
    this.#started = true;
    this.#items.hostsCustomTools = hostsCustomTools(response);
    const { created_at } = response;
    const answer = this.#fields.of(response);
    this.emit({
      type: "start",
      ...compact({
        id: textOf(response["id"]),
        model: textOf(response["model"]),
        created: typeof created_at === "number" && created_at > 0 ? Math.floor(created_at) : undefined,
        extra: answer && vendorExtra(protocol, { answer }),
      }),
    });
  }

  #end(response: JsonObject, said: string): void {
    const ending = readEnding(response, said);
    if ("failure" in ending) return this.failWith(ending.failure);
    this.#start(response);
    this.#items.complete(arrayOf(response["output"]));
    const usage = objectOf(response["usage"]);
    if (usage !== undefined) {
      const extra = vendorExtra(protocol, { usage: usageRemainder(usage) });
      this.emit({ type: "usage", usage: readUsage(usage), ...compact({ extra }) });
    }
    const answer = this.#fields.of(response);
    const extra = answer && vendorExtra(protocol, { answer });
    const reason = finishOf(ending, this.#items.hasCalls);
    this.emit({ type: "finish", candidate: 0, reason, ...compact({ extra }) });
    this.over = true;
  }
}

/** An event's type: its own word, or the event's name where it has none. */
export function typeOf(data: JsonObject, name: string): string {
  const type = textOf(data["type"]) ?? name;
  if (type.startsWith("response.") || type === "error") return type;
  const { error } = data;
  return name === "error" || (error !== undefined && error !== null) ? "error" : type;
}

/** A body without an output that tells of its failure. */
export function saysWhy(body: JsonObject): boolean {
  const { status, error } = body;
  return status === "failed" || status === "cancelled" || (error !== undefined && error !== null);
}
