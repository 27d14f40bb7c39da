import type { Json } from "../../kernel/json.ts";
import type { CanonicalRequest, GenerationRequest, MediaSource, Message, Part, Tool } from "../../kernel/request.ts";

/*
 * How many tokens a request will be counted as, where nobody can be asked. Rather too many than too few: who budgets
 * by it must not overflow. Text of English and code is about four characters to a token (ai.google.dev, "tokens"),
 * less with newer tokenizers. An image is at most about 1,600 tokens and a page of a PDF 1,500 to 3,000 (Anthropic's
 * documentation of vision and PDF support); audio is 32 tokens a second (Google's).
 */

const charactersPerToken = 3.6;
/** What a message, a call or a result costs beside its text. */
const perMessage = 4;
const perCall = 12;
/** Instructions that a vendor adds once there are tools, and what each costs beside its words. */
const forTools = 40;
const perTool = 12;
const perImage = 1600;
const perPage = 2500;
/** Bytes of a PDF's page, where it is not known how many it has. */
const bytesPerPage = 50_000;
/** Bytes of audio for a token: 16 kB a second, as of compressed speech. */
const audioBytesPerToken = 500;

/** Tokens of a request's input, estimated. Never throws; grows with every part of the request. */
export function estimateTokens(request: CanonicalRequest): number {
  return Math.ceil(request.operation === "embed" ? ofInputs(request.inputs) : ofGeneration(request));
}

/** Tokens of a text. Characters of scripts without spaces are nearly a token each. */
export function estimateText(text: string): number {
  let dense = 0;
  // Surrogate pairs, such as of emoji, are counted as two: they cost as much.
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) >= 0x2e80) dense++;
  return dense + (text.length - dense) / charactersPerToken;
}

function ofInputs(inputs: readonly (string | readonly number[])[]): number {
  return inputs.reduce((sum, input) => sum + (typeof input === "string" ? estimateText(input) : input.length), 0);
}

function ofGeneration(request: GenerationRequest): number {
  const messages = request.messages.reduce((sum, message) => sum + ofMessage(message), 0);
  const tools = request.tools.reduce((sum, tool) => sum + ofTool(tool), request.tools.length === 0 ? 0 : forTools);
  const hosted = Object.values(request.extra ?? {}).reduce((sum, kept) => sum + ofJson(kept["tools"]), 0);
  const schema = request.output?.type === "json-schema" ? ofJson(request.output.schema) : 0;
  return messages + tools + hosted + schema;
}

function ofMessage({ parts, name }: Message): number {
  return perMessage + estimateText(name ?? "") + ofParts(parts);
}

function ofTool({ name, description = "", parameters, format }: Tool): number {
  return perTool + estimateText(name) + estimateText(description) + ofJson(parameters) + ofJson(format);
}

function ofParts(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + ofPart(part), 0);
}

function ofPart(part: Part): number {
  switch (part.type) {
    case "text":
    case "refusal":
    case "reasoning":
      return estimateText(part.text);
    case "image":
      return perImage;
    case "audio":
      return bytesOf(part.source) / audioBytesPerToken + perMessage;
    case "file":
      return ofFile(part.source);
    case "tool-call":
      return perCall + estimateText(part.name) + estimateText(part.arguments);
    case "tool-result":
      return perCall + ofParts(part.content);
    default:
      return Object.values(part.keep).reduce((sum, kept) => sum + ofJson(kept), 0);
  }
}

function ofFile(source: MediaSource): number {
  if (source.kind === "data" && /^text\/|json|xml/.test(source.mediaType)) return bytesOf(source) / charactersPerToken;
  return Math.max(1, Math.ceil(bytesOf(source) / bytesPerPage)) * perPage;
}

function bytesOf(source: MediaSource): number {
  return source.kind === "data" ? (source.base64.length * 3) / 4 : 0;
}

function ofJson(value: Json | undefined): number {
  return value === undefined ? 0 : estimateText(JSON.stringify(value));
}
