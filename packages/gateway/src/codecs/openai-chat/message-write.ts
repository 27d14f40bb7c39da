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
import { arrayOf, objectOf, without } from "../shared/json.ts";
import { ofType, placed } from "../shared/placed.ts";
import type { Placed } from "../shared/placed.ts";
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
  #media: Placed[] = [];
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
    const written = this.#content(placed(message.parts, `${path}.parts`), "\n\n");
    const text = typeof written === "string" ? written : JSON.stringify(written ?? "");
    this.#flushMedia();
    this.#out.push({ role: "user", content: `<system-reminder>\n${text}\n</system-reminder>` });
  }

  #message(message: Message, path: string): void {
    this.#losses.push(...foreignLosses(message.extra, "openai-chat", `${path}.`));
    const parts = placed(message.parts, `${path}.parts`);
    const results = ofType(parts, "tool-result");
    const others = parts.filter(({ part }) => part.type !== "tool-result");
    const rest = others.length === 0 ? message.extra?.["openai-chat"] : undefined;
    for (const result of results) this.#result(result, message, rest);
    if (results.length > 0 && others.length === 0) return;
    this.#flushMedia();
    if (message.role === "assistant") {
      const written = this.#assistant(message, others, path);
      // A turn of which only reasoning was left, and that is lost, is none: some backends refuse it.
      if (others.length > 0 && !others.some(isText) && isSilent(written)) return;
      this.#out.push(written);
    } else this.#out.push(this.#plain(message, others));
  }

  #result({ part: result, path }: Placed<ToolResultPart>, message: Message, rest: JsonObject | undefined): void {
    const parts = placed(result.content, `${path}.content`);
    const texts = parts.filter(isTextual);
    const media = parts.filter((part) => !isTextual(part));
    if (result.isError === true) this.#losses.push({ field: `${path}.isError`, reason: "unsupported" });
    if (media.length > 0) {
      this.#losses.push({ field: `${path}.content`, reason: "approximated" });
      this.#media.push({ part: { type: "text", text: `Output of tool call ${result.id}:` }, path }, ...media);
    }
    const nothing = media.length > 0 ? "The output is in the next user message." : "";
    const content = this.#content(texts, "\n") ?? nothing;
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
    const content = this.#content(this.#media) ?? "";
    this.#media = [];
    this.#out.push({ role: "user", content });
  }

  #content(parts: readonly Placed[], joined?: string): Json | undefined {
    return writeContent(parts, { losses: this.#losses, joined });
  }

  #plain(message: Message, parts: readonly Placed[]): JsonObject {
    const isSystem = message.role === "system";
    const system = message.rawRole === "developer" && this.#dialect.developerRole ? "developer" : "system";
    return {
      ...message.extra?.["openai-chat"],
      role: isSystem ? system : "user",
      ...compact({ name: message.name }),
      content: this.#content(parts, isSystem ? "\n\n" : undefined) ?? "",
    };
  }

  #assistant(message: Message, parts: readonly Placed[], path: string): JsonObject {
    const calls = ofType(parts, "tool-call").map(({ part }) => part);
    const refusals = ofType(parts, "refusal");
    const { written: reasoning, others } = this.#reasoning.write(parts, path);
    const plain = others.filter(({ part }) => !separate.has(part.type));
    const images = ofType(others, "image");
    const rest = without(message.extra?.["openai-chat"] ?? {}, new Set(["function_call"]));
    const fields = {
      ...reasoning,
      ...(refusals.length > 0 && { refusal: refusals.map(({ part }) => part.text).join("") }),
      ...this.#images(images, rest["images"]),
      ...writeCalls(calls, legacyMark(message)),
    };
    // Only a message that says something else may have no content.
    const nothing = Object.keys(fields).length > 0 || Object.keys(rest).length > 0 ? null : "";
    return {
      ...rest,
      role: "assistant",
      ...compact({ name: message.name }),
      content: this.#content(plain, "") ?? nothing,
      ...fields,
    };
  }

  /** Images that the model made go back where they were read; another protocol's follow in the user's name. */
  #images(images: readonly Placed<ImagePart>[], unread: Json | undefined): JsonObject {
    const own: Json[] = [];
    for (const { part, path } of images) {
      const image = objectOf(part.keep?.["openai-chat"]?.["image"]);
      if (image !== undefined) own.push(image);
      else {
        this.#losses.push({ field: path, reason: "approximated" });
        this.#media.push({ part: { type: "text", text: "The image that the assistant made:" }, path }, { part, path });
      }
    }
    return own.length === 0 ? {} : { images: [...own, ...arrayOf(unread)] };
  }
}

function isText({ part }: Placed): boolean {
  return part.type === "text";
}

function isSilent(message: JsonObject): boolean {
  return message["content"] === "" && Object.keys(message).length === 2;
}

/** What a tool's answer can say itself. */
function isTextual({ part }: Placed): boolean {
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
