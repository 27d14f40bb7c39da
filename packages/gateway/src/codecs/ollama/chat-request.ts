import type { Asked, DecodedRequest, Dialect, WrittenRequest } from "../../kernel/codec.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { foreignLosses } from "../shared/extra.ts";
import { unlessEmpty, without } from "../shared/json.ts";
import { readCommon, writeCommon } from "./common.ts";
import type { Reading } from "./content.ts";
import { readMessages } from "./message-read.ts";
import { writeMessages } from "./message-write.ts";
import { readToolChoice, readTools, writeTools } from "./tools.ts";

const woven = new Set(["messages", "tools", "tool_choice"]);

/**
 * Reads a chat request. What has no canonical word is kept in `extra.ollama`, an option under `options.` and its name.
 * A request without messages, which loads or unloads a model, reads as one without messages: see `isLoadRequest`.
 *
 * Reading and writing again gives an equal request but for these: null is the same as absent; `stop` is a list, and an
 * empty one nothing; `stream` is always said; calls and their answers have ids and names; a call's `type` is left out;
 * content in blocks is text and images; `tool_choice`, which Ollama does not know, is acted upon and left out.
 */
export function readRequest(body: JsonObject, asked: Asked): Result<DecodedRequest> {
  const reading: Reading = { complaints: new Complaints(), losses: [] };
  const { complaints, losses } = reading;
  const { request: common, rest } = readCommon(body, asked, reading);
  const { tools, unknown } = readTools(body["tools"], complaints);
  const { choice, own } = readToolChoice(body["tool_choice"]);
  const extra = unlessEmpty({
    ...without(rest, woven),
    ...(unknown.length > 0 && { tools: unknown }),
    ...(own !== undefined && { tool_choice: own }),
  });
  const request: GenerationRequest = {
    ...common,
    messages: readMessages(body["messages"], reading),
    tools,
    ...(choice && { toolChoice: choice }),
    ...(extra && { extra: { ollama: extra } }),
  };
  return complaints.result({ request, losses });
}

/** Writes a chat request. A loss's field is the canonical path. */
export function writeRequest(request: CanonicalRequest, dialect: Dialect): WrittenRequest {
  if (request.operation !== "generate") throw new TypeError(`A chat request cannot ${request.operation}.`);
  const losses: Loss[] = foreignLosses(request.extra, "ollama", "");
  const content = { messages: writeMessages(request.messages, losses), ...writeTools(request, losses) };
  const own = without(request.extra?.ollama ?? {}, new Set(["tools"]));
  return { body: writeCommon(request, { own, content, dialect, losses }), losses };
}
