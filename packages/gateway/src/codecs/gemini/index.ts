import type { Accepts, Codec, Ingress, RequestView } from "../../kernel/codec.ts";
import { carrierMark } from "../shared/carrier.ts";
import { writeAnswer } from "./answer.ts";
import { SingleDecoder, SingleEncoder, SingleTap } from "../shared/single-answer.ts";
import { geminiVectors, readEmbeddings, writeEmbeddings } from "./embeddings-answer.ts";
import { readEmbeddingRequest, writeEmbeddingRequest } from "./embeddings-request.ts";
import { readError, writeError } from "./errors.ts";
import { ArrayFraming, eventFraming, writeStreamError } from "./framing.ts";
import { readRequest } from "./request-read.ts";
import { writeRequest } from "./request-write.ts";
import { signatureMark } from "./signature.ts";
import { AnswerDecoder } from "./stream-decode.ts";
import { GeminiStreamEncoder } from "./stream-encode.ts";
import { GeminiTap } from "./tap.ts";

/** What Google takes (js-genai types.ts, FunctionDeclaration; a name's first character must be a letter or `_`). */
const accepts: Accepts = {
  toolName: { character: /[a-zA-Z0-9_.:-]/, first: /[a-zA-Z_]/, longest: 64 },
  customTools: false,
  candidates: true,
  prefill: false,
  imageUrls: false,
};

const ingress: Ingress = {
  readRequest,
  streamEncoder: (context) => new GeminiStreamEncoder(context, eventFraming),
  writeAnswer,
  writeError,
  writeStreamError,
  // Comments break the Gemini CLI and the Python SDK; blank lines nobody that was measured.
  keepalive: "\n\n",
  streamContentType: "text/event-stream",
  headers: ["x-goog-api-client"],
  synonyms: [
    ["systemInstruction", "system_instruction"],
    ["generationConfig", "generation_config"],
    ["toolConfig", "tool_config"],
    ["safetySettings", "safety_settings"],
    ["cachedContent", "cached_content"],
  ],
};

/** A request that bears another vendor's state must not reach Google with it. */
function bearsCarrier(request: RequestView): boolean {
  return request.contains(signatureMark) || request.contains(carrierMark);
}

/**
 * Google Gemini, `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent?alt=sse`. The path names the
 * model and tells whether the answer streams.
 */
export const gemini: Codec = {
  protocol: "gemini",
  framing: "sse",
  addressing: "path",
  streamsByDefault: false,
  ingress,
  egress: {
    accepts,
    modelField: "modelVersion",
    passThrough: (request) => (bearsCarrier(request) ? undefined : { edits: [], tap: { dropUsageEvent: false } }),
    writeRequest,
    streamDecoder: (context) => new AnswerDecoder(context),
    readAnswer: (body, context) => new AnswerDecoder(context, true).whole(body),
    readError,
    tap: () => new GeminiTap(),
  },
};

/**
 * The same for a client that streams without `alt=sse`: its stream is one JSON list. Backends send events, so that
 * nothing can be passed through.
 */
export const geminiArray: Codec = {
  ...gemini,
  ingress: {
    ...ingress,
    streamEncoder: (context) => new GeminiStreamEncoder(context, new ArrayFraming()),
    // Only for a stream of which no value was sent; an encoder knows better how to end its own.
    writeStreamError: (failure) => `[${JSON.stringify(writeError(failure))}\n]`,
    keepalive: "\n",
    streamContentType: "application/json; charset=UTF-8",
  },
  egress: { ...gemini.egress, passThrough: () => undefined },
};

/** Gemini embeddings, `:embedContent` and `:batchEmbedContents`. Backends are always asked for a batch. */
export const geminiEmbeddings: Codec = {
  protocol: "gemini-embeddings",
  framing: "sse",
  addressing: "path",
  streamsByDefault: false,
  ingress: {
    ...ingress,
    readRequest: readEmbeddingRequest,
    streamEncoder: (context) => new SingleEncoder(geminiVectors, context),
    writeAnswer: writeEmbeddings,
    synonyms: [],
  },
  egress: {
    accepts,
    // The body names the model once more, and a single input must become a batch.
    passThrough: () => undefined,
    writeRequest: writeEmbeddingRequest,
    streamDecoder: () => new SingleDecoder(geminiVectors),
    readAnswer: (body) => readEmbeddings(body),
    readError,
    tap: () => new SingleTap(geminiVectors),
  },
};
