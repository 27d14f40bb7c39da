import type { TapVerdict, WireEvent } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { noFinish } from "../shared/event-decoder.ts";
import { EventTap } from "../shared/event-tap.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { isDone } from "../shared/openai-sse.ts";
import { finishOf, readEnding, readErrorEvent } from "./finish.ts";
import { hostsCustomTools } from "./hosted.ts";
import { endings, noOutput, saysWhy, typeOf, unfinished } from "./stream-decode.ts";
import { readUsage } from "./usage.ts";

const calls: ReadonlySet<unknown> = new Set(["function_call", "custom_tool_call"]);
/** Items whose beginning says nothing yet. */
const silent: ReadonlySet<unknown> = new Set(["message", "reasoning"]);

/** Watches Responses traffic. Judges completeness exactly as the decoder does. */
export class ResponseTap extends EventTap {
  #hasCalls = false;
  /** Custom tool calls are the backend's own; undefined until a response tells. */
  #hosts: boolean | undefined;

  protected lookAt(event: WireEvent): TapVerdict {
    if (isDone(event.data)) return this.fail("broken-stream", noFinish);
    const data = this.parse(event.data);
    if (data === undefined) return "drop";
    return this.#look(typeOf(data, event.event), data);
  }

  whole(body: JsonObject): void {
    const pending = unfinished(body["status"]);
    if (pending !== undefined) this.failWith(pending);
    else if (!Array.isArray(body["output"]) && !saysWhy(body)) this.fail("bad-response", noOutput);
    else this.#end(body, "completed");
  }

  #look(type: string, data: JsonObject): TapVerdict {
    if (type === "error") return this.failWith(readErrorEvent(data));
    const response = objectOf(data["response"]);
    const ending = endings.get(type);
    if (ending !== undefined) return this.#end(response ?? {}, ending);
    if (response !== undefined) this.#begin(response);
    else if (type === "response.output_item.added" || type === "response.output_item.done") this.#item(data["item"]);
    else if (type.startsWith("response.") && type.endsWith(".delta")) this.seen.started = true;
    return "pass";
  }

  #begin(response: JsonObject): void {
    this.#hosts ??= hostsCustomTools(response);
    const model = textOf(response["model"]);
    if (model !== undefined) this.seen.model ??= model;
  }

  #item(value: Json | undefined): void {
    const item = objectOf(value);
    const type = item?.["type"];
    if (item === undefined || type === undefined) return;
    if (!silent.has(type)) this.seen.started = true;
    const hosted = type === "custom_tool_call" && this.#hosts === true;
    if (calls.has(type) && !hosted && textOf(item["name"]) !== undefined) this.#hasCalls = true;
  }

  #end(response: JsonObject, said: string): TapVerdict {
    const { seen } = this;
    const ending = readEnding(response, said);
    if ("failure" in ending) return this.failWith(ending.failure);
    this.#begin(response);
    for (const item of arrayOf(response["output"])) this.#item(item);
    const usage = objectOf(response["usage"]);
    if (usage !== undefined) seen.usage = readUsage(usage);
    seen.finish = finishOf(ending, this.#hasCalls);
    seen.started = true;
    seen.finished = true;
    seen.done = true;
    return "pass";
  }
}
