import type { Dialect } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type {
  GenerationRequest,
  ImagePart,
  Message,
  Part,
  ToolCallPart,
  ToolResultPart,
} from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { objectOf, without } from "../shared/json.ts";
import { legacyMark } from "./message-read.ts";
import { writeContent } from "./parts.ts";
import { ReasoningWriter } from "./reasoning-write.ts";

/** Parts of an assistant's message that have fields of their own beside `content`. */
const separate = new Set<Part["type"]>(["tool-call", "refusal", "image"]);

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
  readonly #reasoning: ReasoningWriter;

  constructor(dialect: Dialect, losses: Loss[], request: GenerationRequest) {
    this.#dialect = dialect;
    this.#losses = losses;
    this.#reasoning = new ReasoningWriter(dialect, losses, request);
  }

  write(messages: readonly Message[]): readonly JsonObject[] {
    const leading = messages.findIndex(({ role }) => role !== "system");
    for (const [index, message] of messages.entries()) {
      const isLate = leading >= 0 && index > leading;
      if (message.role === "system" && isLate && this.#dialect.lateSystem === false) this.#reminder(message, index);
      else this.#message(message, `messages[${index}]`);
    }
    this.#flushMedia();
    return this.#out;
  }

  /** What the system says in the middle, for backends whose templates know a system message at the beginning only. */
  #reminder(message: Message, index: number): void {
    const path = `messages[${index}]`;
    this.#losses.push(...foreignLosses(message.extra, "openai-chat", `${path}.`));
    this.#losses.push({ field: `${path}.role`, reason: "approximated" });
    const written = this.#content(message.parts, path, "\n\n");
    const text = typeof written === "string" ? written : JSON.stringify(written ?? "");
    this.#flushMedia();
    this.#out.push({ role: "user", content: `<system-reminder>\n${text}\n</system-reminder>` });
  }

  #message(message: Message, path: string): void {
    this.#losses.push(...foreignLosses(message.extra, "openai-chat", `${path}.`));
    const results = message.parts.filter((part) => part.type === "tool-result");
    const others = message.parts.filter((part) => part.type !== "tool-result");
    const rest = message.extra?.["openai-chat"] ?? {};
    for (const result of results) this.#result(result, message, { path, rest: others.length === 0 ? rest : {} });
    if (results.length > 0 && others.length === 0) return;
    this.#flushMedia();
    if (message.role === "assistant") {
      const written = this.#assistant(message, others, path);
      // A turn of which only reasoning was left, and that is lost, is none: some backends refuse it.
      if (others.length > 0 && !others.some(isText) && isSilent(written)) return;
      this.#out.push(written);
    } else this.#out.push(this.#plain(message, others, path));
  }

  #result(result: ToolResultPart, message: Message, { path, rest }: { path: string; rest: JsonObject }): void {
    const texts = result.content.filter(isTextual);
    const media = result.content.filter((part) => !isTextual(part));
    if (result.isError === true) this.#losses.push({ field: `${path}.isError`, reason: "unsupported" });
    if (media.length > 0) {
      this.#losses.push({ field: `${path}.parts`, reason: "approximated" });
      this.#media.push({ type: "text", text: `Output of tool call ${result.id}:` }, ...media);
    }
    const nothing = media.length > 0 ? "The output is in the next user message." : "";
    const content = this.#content(texts, path, "\n") ?? nothing;
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
    const content = this.#content(this.#media, `messages[${this.#out.length}]`) ?? "";
    this.#media = [];
    this.#out.push({ role: "user", content });
  }

  #content(parts: readonly Part[], path: string, joined?: string): Json | undefined {
    return writeContent(parts, { path: `${path}.parts`, losses: this.#losses, ...compact({ joined }) });
  }

  #plain(message: Message, parts: readonly Part[], path: string): JsonObject {
    const isSystem = message.role === "system";
    const system = message.rawRole === "developer" && this.#dialect.developerRole ? "developer" : "system";
    return {
      ...message.extra?.["openai-chat"],
      role: isSystem ? system : "user",
      ...compact({ name: message.name }),
      content: this.#content(parts, path, isSystem ? "\n\n" : undefined) ?? "",
    };
  }

  #assistant(message: Message, parts: readonly Part[], path: string): JsonObject {
    const calls = parts.filter((part) => part.type === "tool-call");
    const refusals = parts.filter((part) => part.type === "refusal");
    const { written: reasoning, others } = this.#reasoning.write(parts, path);
    const plain = others.filter((part) => !separate.has(part.type));
    const images = others.filter((part) => part.type === "image");
    const rest = without(message.extra?.["openai-chat"] ?? {}, new Set(["function_call"]));
    const fields = {
      ...reasoning,
      ...(refusals.length > 0 && { refusal: refusals.map((part) => part.text).join("") }),
      ...this.#images(images, path, rest["images"]),
      ...writeCalls(calls, legacyMark(message)),
    };
    // Only a message that says something else may have no content.
    const nothing = Object.keys(fields).length > 0 || Object.keys(rest).length > 0 ? null : "";
    return {
      ...rest,
      role: "assistant",
      ...compact({ name: message.name }),
      content: this.#content(plain, path, "") ?? nothing,
      ...fields,
    };
  }

  /** Images that the model made go back where they were read; another protocol's follow in the user's name. */
  #images(images: readonly ImagePart[], path: string, unread: Json | undefined): JsonObject {
    const own: Json[] = [];
    for (const part of images) {
      const image = objectOf(part.keep?.["openai-chat"]?.["image"]);
      if (image !== undefined) own.push(image);
      else {
        this.#losses.push({ field: `${path}.parts`, reason: "approximated" });
        this.#media.push({ type: "text", text: "The image that the assistant made:" }, part);
      }
    }
    return own.length === 0 ? {} : { images: [...own, ...(Array.isArray(unread) ? (unread as Json[]) : [])] };
  }
}

function isText({ type }: Part): boolean {
  return type === "text";
}

function isSilent(message: JsonObject): boolean {
  return message["content"] === "" && Object.keys(message).length === 2;
}

/** What a tool's answer can say itself. */
function isTextual(part: Part): boolean {
  if (part.type === "file") return part.source.kind === "data" && part.source.mediaType.startsWith("text/");
  return part.type === "text" || part.type === "opaque";
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
