import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { WireEvent } from "../../src/kernel/codec.ts";
import { isJsonObject } from "../../src/kernel/json.ts";
import type { JsonObject } from "../../src/kernel/json.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";
import { parseExactObject } from "../../src/codecs/shared/exact.ts";
import { SseSplitter } from "../../src/wire/sse.ts";

/** An answer of a provider as somebody recorded it. */
export interface Fixture {
  readonly name: string;
  /** Undefined: none of ours, for the reason. */
  readonly protocol: Protocol | undefined;
  readonly reason?: string;
  /** A stream's events; absent for a whole body. */
  readonly events?: readonly WireEvent[];
  /** A whole body; absent for a stream. */
  readonly body?: JsonObject;
  /** What the provider tells is an error, or nothing that can be told as an answer. */
  readonly error: boolean;
}

function filesUnder(directory: string): readonly string[] {
  return readdirSync(directory)
    .toSorted()
    .flatMap((name) => {
      const path = join(directory, name);
      return statSync(path).isDirectory() ? filesUnder(path) : [path];
    });
}

/** Every recorded answer below a directory: `*.chunks.txt` (a payload a line), `*.sse` and `*.json`. */
export function fixturesUnder(directory: string): readonly Fixture[] {
  return filesUnder(directory).flatMap((path) => {
    const name = relative(directory, path);
    const text = readFileSync(path, "utf8");
    if (name.endsWith(".json")) return [wholeFixture(name, text)];
    if (name.endsWith(".chunks.txt")) return [streamFixture(name, text.split("\n"))];
    if (!name.endsWith(".sse")) return [];
    const splitter = new SseSplitter(1 << 26);
    const blocks = [...splitter.push(Buffer.from(text)), ...splitter.end()];
    return [
      streamFixture(
        name,
        blocks.map((block) => block.message?.data ?? ""),
      ),
    ];
  });
}

function wholeFixture(name: string, text: string): Fixture {
  const body = parseExactObject(text);
  if (body === undefined) return { name, protocol: undefined, reason: "not a JSON object", error: false };
  return { name, ...protocolOf(name, body), body, error: isError(body) };
}

function streamFixture(name: string, lines: readonly string[]): Fixture {
  const payloads = lines.map((line) => line.trim()).filter((line) => line !== "");
  const parsed = payloads.map((line) => (line === "[DONE]" ? {} : parseExactObject(line)));
  const objects = parsed.map((each) => each ?? {});
  const protocol = protocolOf(name, parsed.find((each) => each !== undefined) ?? {});
  const events = payloads.map((data, index) => ({ event: eventName(objects[index]), data }));
  // The recorder left out the mark that ends a stream of OpenAI's; it leaves out no event.
  if (protocol.protocol?.startsWith("openai-c") === true && payloads.at(-1) !== "[DONE]") {
    events.push({ event: "message", data: "[DONE]" });
  }
  return {
    name,
    ...protocol,
    events,
    error: parsed.includes(undefined) || objects.some(isError) || isSpliced(objects),
  };
}

/** Where a protocol names its events, it repeats the name in `type`. */
function eventName(payload: JsonObject | undefined): string {
  const type = payload?.["type"];
  return typeof type === "string" ? type : "message";
}

/** Two answers in one: what the client has been told of the first cannot be taken back. */
function isSpliced(payloads: readonly JsonObject[]): boolean {
  const types = payloads.map((payload) => String(payload["type"]));
  // Some recordings hold several answers, one behind the other.
  return types.join(" ").includes("content_block_delta message_start");
}

function isError(payload: JsonObject): boolean {
  const { type, error } = payload;
  return type === "error" || type === "response.failed" || isJsonObject(error) || typeof error === "string";
}

/** Which protocol a payload is of, by what it holds; by its folder where that says nothing. */
function protocolOf(name: string, payload: JsonObject): Pick<Fixture, "protocol" | "reason"> {
  const { type, object, choices } = payload;
  const kind = typeof type === "string" ? type : "";
  if (name.includes("cohere/")) return { protocol: undefined, reason: "Cohere's own protocol" };
  if ("steps" in payload || "event_type" in payload || "interaction" in payload) {
    return { protocol: undefined, reason: "Google's Interactions API (decision 0011)" };
  }
  if (object === "response" || kind.startsWith("response.")) return { protocol: "openai-responses" };
  if (kind === "message" || kind === "message_start") return { protocol: "anthropic-messages" };
  if ("candidates" in payload || "usageMetadata" in payload || "promptFeedback" in payload) {
    return { protocol: "gemini" };
  }
  if (object === "text_completion") return { protocol: "openai-completions" };
  if (Array.isArray(choices)) return { protocol: "openai-chat" };
  if (object === "list" && Array.isArray(payload["data"])) return { protocol: "openai-embeddings" };
  if (isError(payload)) return { protocol: ofErrors[name.split("/").at(-2) ?? ""] ?? "openai-chat" };
  return { protocol: undefined, reason: "of an unknown shape" };
}

const ofErrors: { readonly [folder: string]: Protocol } = {
  anthropic: "anthropic-messages",
  google: "gemini",
  openai: "openai-responses",
};
