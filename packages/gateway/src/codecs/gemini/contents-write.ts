import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Message } from "../../kernel/request.ts";
import { messageLosses } from "../shared/extra.ts";
import { objectOf } from "../shared/json.ts";
import { ofType, placed } from "../shared/placed.ts";
import { isThirdGeneration, wantsSignatures } from "./names.ts";
import { writeParts, writeResult } from "./parts-write.ts";
import { uncheckedSignature } from "./signature.ts";

interface Content {
  readonly role: "user" | "model";
  /** It holds functions' responses, which must stand right behind their calls, together and alone. */
  readonly results: boolean;
  readonly parts: JsonObject[];
  /** What stands behind functions' responses. */
  readonly behind: JsonObject[];
  readonly rest: JsonObject;
}

export interface WrittenContents {
  readonly contents: readonly JsonObject[];
  readonly systemInstruction?: JsonObject;
}

/**
 * Writes messages as `contents`: neighbours of one role as one, the responses to parallel calls together, leading
 * system messages as the instruction, and later ones as reminders in the user's name.
 */
export class ContentsWriter {
  readonly #model: string;
  readonly #losses: Loss[];
  readonly #contents: Content[] = [];
  readonly #names = new Map<string, string>();

  constructor(model: string, losses: Loss[]) {
    this.#model = model;
    this.#losses = losses;
  }

  write(messages: readonly Message[]): WrittenContents {
    const first = messages.findIndex((message) => message.role !== "system");
    const leading = first < 0 ? messages.length : first;
    const system = messages.slice(0, leading).flatMap((message, index) => this.#plain(message, `messages[${index}]`));
    for (const [index, message] of messages.entries()) if (index >= leading) this.#message(message, index);
    if (wantsSignatures(this.#model)) for (const content of this.#contents) signFirstCall(content);
    const contents = this.#contents.map(({ role, parts, behind, rest }): JsonObject => ({
      ...rest,
      role,
      parts: [...parts, ...behind],
    }));
    if (contents.length > 0) return { contents, ...(system.length > 0 && { systemInstruction: { parts: system } }) };
    // Google wants at least one content, and one that says something.
    this.#losses.push({ field: "messages", reason: "approximated" });
    return { contents: [{ role: "user", parts: system.length > 0 ? system : [{ text: "Begin." }] }] };
  }

  #plain(message: Message, path: string, parts = placed(message.parts, `${path}.parts`)): JsonObject[] {
    this.#losses.push(...messageLosses(message, "gemini", path));
    return parts.flatMap((part) => writeParts(part, this.#losses));
  }

  #message(message: Message, index: number): void {
    const path = `messages[${index}]`;
    if (message.role === "system") return this.#reminder(message, path);
    for (const part of message.parts) if (part.type === "tool-call") this.#names.set(part.id, part.name);
    const parts = placed(message.parts, `${path}.parts`);
    const results = ofType(parts, "tool-result");
    if (results.length === 0) {
      const role = message.role === "assistant" ? "model" : "user";
      return this.#add({ role, results: false, parts: this.#plain(message, path, parts), rest: restOf(message) });
    }
    const responses: JsonObject[] = [];
    const media: JsonObject[] = [];
    const about = { losses: this.#losses, mediaInside: isThirdGeneration(this.#model) };
    for (const result of results) {
      const name = result.part.name || this.#names.get(result.part.id) || "function";
      const written = writeResult(result, name, about);
      responses.push(written.response);
      media.push(...written.media);
    }
    const rest = parts.filter(({ part }) => part.type !== "tool-result");
    const others = this.#plain(message, path, rest);
    this.#add({ role: "user", results: true, parts: responses, rest: restOf(message) });
    this.#addBehind([...media, ...others]);
  }

  /** What follows responses stays behind all of them, also behind those of the next message. */
  #addBehind(parts: readonly JsonObject[]): void {
    const behind = this.#contents.at(-1)?.behind;
    for (const part of parts) behind?.push(part);
  }

  #reminder(message: Message, path: string): void {
    this.#losses.push({ field: path, reason: "approximated" });
    const parts = this.#plain(message, path).map((part) =>
      typeof part["text"] === "string" ? { text: `<system-reminder>\n${part["text"]}\n</system-reminder>` } : part,
    );
    this.#add({ role: "user", results: false, parts, rest: {} });
  }

  #add(content: Omit<Content, "behind">): void {
    if (content.parts.length === 0) return;
    const last = this.#contents.at(-1);
    if (last === undefined || last.role !== content.role || last.results !== content.results) {
      this.#contents.push({ ...content, parts: [...content.parts], behind: [] });
      return;
    }
    for (const part of content.parts) last.parts.push(part);
  }
}

function restOf(message: Message): JsonObject {
  return message.extra?.gemini ?? {};
}

/** Only the first of parallel calls bears a signature; where there is none of the vendor's own, its check is waived. */
function signFirstCall(content: Content): void {
  const place = content.role === "model" ? content.parts.findIndex((part) => objectOf(part["functionCall"])) : -1;
  const call = content.parts[place];
  if (call === undefined || call["thoughtSignature"] !== undefined) return;
  content.parts[place] = { ...call, thoughtSignature: uncheckedSignature };
}
