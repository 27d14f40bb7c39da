import type { Asked, DecodedRequest, Dialect, WrittenRequest } from "../../kernel/codec.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest, Message } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { foreignLosses } from "../shared/extra.ts";
import { textOf, unlessEmpty, without } from "../shared/json.ts";
import { placed } from "../shared/placed.ts";
import type { Placed } from "../shared/placed.ts";
import { readCommon, writeCommon } from "./common.ts";
import { betweenTexts, readContent, writeContent } from "./content.ts";
import type { Reading } from "./content.ts";

const protocol = "ollama-generate";
const woven = new Set(["prompt", "system", "suffix", "raw", "images"]);

/**
 * Reads a generate request as a system message and one of the user's. Only what a conversation can say is accepted:
 * `suffix` and `raw` can be served without translation only. `template` and the deprecated `context` are kept.
 */
export function readRequest(body: JsonObject, asked: Asked): Result<DecodedRequest> {
  const reading: Reading = { complaints: new Complaints(), losses: [] };
  const { complaints, losses } = reading;
  const { request: common, rest } = readCommon(body, asked, reading);
  if (textOf(complaints.string(body["suffix"], "suffix")) !== undefined) complaints.untranslatable("suffix");
  if (complaints.boolean(body["raw"], "raw") === true) complaints.untranslatable("raw");
  const extra = unlessEmpty(without(rest, woven));
  const request: GenerationRequest = {
    ...common,
    messages: readMessages(body, reading),
    tools: [],
    ...(extra && { extra: { [protocol]: extra } }),
  };
  return complaints.result({ request, losses });
}

function readMessages(body: JsonObject, reading: Reading): readonly Message[] {
  const { complaints } = reading;
  const system = textOf(complaints.string(body["system"], "system"));
  const prompt = complaints.string(body["prompt"], "prompt");
  const parts = readContent({ content: prompt ?? null, images: body["images"] ?? null }, "prompt", reading);
  return [
    ...(system === undefined ? [] : [{ role: "system" as const, parts: [{ type: "text" as const, text: system }] }]),
    ...(parts.length === 0 ? [] : [{ role: "user" as const, parts }]),
  ];
}

/**
 * Writes a generate request. The leading system messages and one message of the user's are its `system` and `prompt`;
 * a longer conversation is told as plain text, one message after the other, and reported, for there are no roles.
 */
export function writeRequest(request: CanonicalRequest, dialect: Dialect): WrittenRequest {
  if (request.operation !== "generate") throw new TypeError(`A generate request cannot ${request.operation}.`);
  const losses: Loss[] = foreignLosses(request.extra, protocol, "");
  const { messages } = request;
  const first = messages.findIndex(({ role }) => role !== "system");
  const leading = first < 0 ? messages.length : first;
  const conversation = messages.slice(leading);
  if (conversation.length > 1 || conversation.some(({ role }) => role !== "user"))
    losses.push({ field: "messages", reason: "approximated" });
  const system = write(messages.slice(0, leading), 0, losses);
  const prompt = write(conversation, leading, losses);
  const content: { readonly [name: string]: Json } = {
    prompt: prompt.content,
    ...(system.content !== "" && { system: system.content }),
    ...(prompt.images.length > 0 && { images: prompt.images }),
  };
  if (request.tools.length > 0) losses.push({ field: "tools", reason: "unsupported" });
  if (request.toolChoice !== undefined) losses.push({ field: "toolChoice", reason: "unsupported" });
  const own = request.extra?.[protocol] ?? {};
  return { body: writeCommon(request, { own, content, dialect, losses }), losses };
}

function write(messages: readonly Message[], from: number, losses: Loss[]) {
  const written = messages.map(({ parts, extra }, index) => {
    const path = `messages[${from + index}]`;
    losses.push(...foreignLosses(extra, protocol, `${path}.`));
    return writeContent(placed(parts, `${path}.parts`).flatMap(spoken), betweenTexts, losses);
  });
  return {
    content: written.map(({ content }) => content).join("\n\n"),
    images: written.flatMap(({ images }) => images),
  };
}

/** What a tool said is text here as well. */
function spoken(each: Placed): readonly Placed[] {
  return each.part.type === "tool-result" ? placed(each.part.content, `${each.path}.content`) : [each];
}
