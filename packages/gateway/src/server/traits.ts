import { hash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { RequestTraits, Session } from "../routing/types.ts";
import { readField } from "../wire/json-scan.ts";
import type { ScannedField, ScannedObject } from "../wire/json-scan.ts";
import type { Rope } from "../wire/rope.ts";
import { bytesPerToken, countTokens } from "../wire/token-count.ts";
import { openingOf } from "./opening.ts";

/** In which fields the protocols keep what was said. */
const conversationFields: ReadonlySet<string> = new Set(["messages", "input", "contents", "prompt"]);

/** In which fields they ask for an answer that fits a schema, and by which word in them. */
const schemaFields: ReadonlyMap<string, string> = new Map([
  ["response_format", '"json_schema"'],
  ["text", '"json_schema"'],
  ["output_config", '"json_schema"'],
  ["output_format", '"json_schema"'],
  ["generationConfig", "Schema"],
  // Ollama's is the schema itself, or the word `json`.
  ["format", "{"],
]);

/** How images stand in the protocols' messages. Within a text the closing quote would be escaped. */
const imageMarks = ['"image_url"', '"input_image"', '"inlineData"', '"inline_data"', '"image"', '"images"'] as const;

/** By which headers clients tell conversations apart. Codex sends the last. */
const sessionHeaders = ["x-session-id", "x-session-affinity", "session_id"] as const;

/** Longest word of a client for a conversation. */
const longestSession = 512;

/** What a request's body and head say of its needs, each looked up when it is asked for. */
export class BodyTraits implements RequestTraits {
  readonly #rope: Rope;
  readonly #object: ScannedObject;
  readonly #headers: IncomingHttpHeaders;
  #textTokens: number | undefined;

  constructor(body: { readonly rope: Rope; readonly object: ScannedObject }, headers: IncomingHttpHeaders) {
    this.#rope = body.rope;
    this.#object = body.object;
    this.#headers = headers;
  }

  get tools(): boolean {
    // `[]` and `null` have four bytes at most.
    return this.#object.fields.some(
      ({ name, valueStart, valueEnd }) => (name === "tools" || name === "functions") && valueEnd - valueStart > 4,
    );
  }

  get images(): boolean {
    return this.#conversation().some(({ valueStart, valueEnd }) =>
      imageMarks.some((mark) => this.#rope.includes(mark, valueStart, valueEnd)),
    );
  }

  get jsonSchema(): boolean {
    return this.#object.fields.some(({ name, valueStart, valueEnd }) => {
      const word = schemaFields.get(name);
      return word !== undefined && this.#rope.includes(word, valueStart, valueEnd);
    });
  }

  get tokens(): number {
    return this.#rope.length / bytesPerToken;
  }

  get textTokens(): number {
    return (this.#textTokens ??= this.#rope.withBytes(countTokens));
  }

  get session(): Session | undefined {
    const stated = this.#stated();
    if (stated !== undefined) return { key: digest(stated), begun: true };
    const opening = openingOf(this.#rope, this.#object);
    return opening === undefined ? undefined : { key: digest(opening.text), begun: opening.isAnswered };
  }

  /** The client's own word for the conversation. */
  #stated(): string | undefined {
    for (const name of sessionHeaders) {
      const value = this.#headers[name];
      if (typeof value === "string" && value !== "") return value.slice(0, longestSession);
    }
    const cacheKey = this.#field("prompt_cache_key");
    if (typeof cacheKey === "string" && cacheKey !== "") return cacheKey.slice(0, longestSession);
    const metadata = this.#field("metadata");
    if (typeof metadata !== "object" || metadata === null || !Object.hasOwn(metadata, "user_id")) return undefined;
    const { user_id: user } = metadata as { readonly user_id: unknown };
    return typeof user === "string" && user !== "" ? user.slice(0, longestSession) : undefined;
  }

  #field(name: string): unknown {
    return this.#object.fields.some((field) => field.name === name)
      ? readField(this.#rope, this.#object, name)
      : undefined;
  }

  #conversation(): readonly ScannedField[] {
    return this.#object.fields.filter(({ name }) => conversationFields.has(name));
  }
}

function digest(text: string): string {
  return hash("sha1", text, "base64url");
}
