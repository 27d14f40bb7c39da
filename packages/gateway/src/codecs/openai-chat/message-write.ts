import type { Dialect } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { objectOf, without } from "../shared/json.ts";
import { legacyMark } from "./message-read.ts";
import { writeContent } from "./parts.ts";

/**
 * Writes messages in chat's order: answers of tools first and together, then what else their message said.
 * A tool's answer holds text only, so media in it go to a user message after the last of the answers.
 */
export class MessageWriter {
  readonly #dialect: Dialect;
  readonly #losses: Loss[];
  readonly #out: JsonObject[] = [];
  /** Media that wait for the end of the tools' answers. */
  #media: Part[] = [];

  constructor(dialect: Dialect, losses: Loss[]) {
    this.#dialect = dialect;
    this.#losses = losses;
  }

  write(messages: readonly Message[]): readonly JsonObject[] {
    for (const [index, message] of messages.entries()) this.#message(message, `messages[${index}]`);
    this.#flushMedia();
    return this.#out;
  }

  #message(message: Message, path: string): void {
    this.#losses.push(...foreignLosses(message.extra, "openai-chat", `${path}.`));
    const results = message.parts.filter((part) => part.type === "tool-result");
    const others = message.parts.filter((part) => part.type !== "tool-result");
    const rest = message.extra?.["openai-chat"] ?? {};
    for (const result of results) this.#result(result, message, { path, rest: others.length === 0 ? rest : {} });
    if (results.length > 0 && others.length === 0) return;
    this.#flushMedia();
    if (message.role === "assistant") this.#out.push(this.#assistant(message, others, path));
    else this.#out.push(this.#plain(message, others, path));
  }

  #result(result: ToolResultPart, message: Message, { path, rest }: { path: string; rest: JsonObject }): void {
    const texts = result.content.filter((part) => part.type === "text" || part.type === "opaque");
    const media = result.content.filter((part) => part.type !== "text" && part.type !== "opaque");
    if (result.isError === true) this.#losses.push({ field: `${path}.is_error`, reason: "approximated" });
    if (media.length > 0) {
      this.#losses.push({ field: `${path}.content`, reason: "approximated" });
      this.#media.push({ type: "text", text: `Output of tool call ${result.id}:` }, ...media);
    }
    const nothing = media.length > 0 ? "The output is in the next user message." : "";
    const content = writeContent(texts, `${path}.content`, this.#losses) ?? nothing;
    const name = message.name;
    const isLegacy = message.rawRole === "function";
    this.#out.push({
      ...rest,
      ...(isLegacy ? { role: "function" } : { role: "tool", tool_call_id: result.id }),
      ...(name === undefined ? {} : { name }),
      content,
    });
  }

  #flushMedia(): void {
    if (this.#media.length === 0) return;
    const content = writeContent(this.#media, `messages[${this.#out.length}].content`, this.#losses) ?? "";
    this.#media = [];
    this.#out.push({ role: "user", content });
  }

  #plain(message: Message, parts: readonly Part[], path: string): JsonObject {
    const system = message.rawRole === "developer" && this.#dialect.developerRole ? "developer" : "system";
    return {
      ...message.extra?.["openai-chat"],
      role: message.role === "system" ? system : "user",
      ...compact({ name: message.name }),
      content: writeContent(parts, `${path}.content`, this.#losses) ?? "",
    };
  }

  #assistant(message: Message, parts: readonly Part[], path: string): JsonObject {
    const calls = parts.filter((part) => part.type === "tool-call");
    const refusals = parts.filter((part) => part.type === "refusal");
    const reasoning = parts.filter((part) => part.type === "reasoning");
    const separate = new Set<Part["type"]>(["tool-call", "refusal", "reasoning"]);
    const plain = parts.filter((part) => !separate.has(part.type));
    const rest = without(message.extra?.["openai-chat"] ?? {}, new Set(["function_call"]));
    const fields = {
      ...this.#reasoning(reasoning, calls.length > 0, path),
      ...(refusals.length > 0 && { refusal: refusals.map((part) => part.text).join("") }),
      ...writeCalls(calls, legacyMark(message)),
    };
    // Only a message that says something else may have no content.
    const nothing = Object.keys(fields).length > 0 || Object.keys(rest).length > 0 ? null : "";
    return {
      ...rest,
      role: "assistant",
      ...compact({ name: message.name }),
      content: writeContent(plain, `${path}.content`, this.#losses) ?? nothing,
      ...fields,
    };
  }

  /**
   * Reasoning goes back under the name it came by. Reasoning of another protocol's goes along only where backends
   * want it, beside tool calls (DeepSeek 3.2, Kimi, GLM); elsewhere some refuse it (DeepSeek R1).
   */
  #reasoning(parts: readonly ReasoningPart[], hasCalls: boolean, path: string): JsonObject {
    const field = parts.map((part) => part.keep?.["openai-chat"]?.["field"]).find((name) => typeof name === "string");
    if (parts.length === 0) return {};
    if (field === undefined && !hasCalls) {
      this.#losses.push({ field: `${path}.reasoning`, reason: "unsupported" });
      return {};
    }
    return {
      [field === "reasoning" ? field : "reasoning_content"]: parts.map((part) => part.text).join(""),
    };
  }
}

function writeCalls(calls: readonly ToolCallPart[], legacy: JsonObject | undefined): JsonObject {
  const [first] = calls;
  const others = legacy === undefined || first === undefined ? calls : calls.slice(1);
  return {
    ...(legacy !== undefined &&
      first !== undefined && {
        function_call: { ...legacy, name: first.name, arguments: first.arguments },
      }),
    ...(others.length > 0 && { tool_calls: others.map(writeCall) }),
  };
}

function writeCall(call: ToolCallPart): JsonObject {
  const rest = call.keep?.["openai-chat"] ?? {};
  const field = call.tool === "custom" ? "input" : "arguments";
  const called: Json = { ...objectOf(rest[call.tool]), name: call.name, [field]: call.arguments };
  return { ...rest, id: call.id, type: call.tool, [call.tool]: called };
}
