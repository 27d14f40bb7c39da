import type { Accepts, Codec, Egress, Ingress } from "../../kernel/codec.ts";
import { writeAnswer } from "./answer.ts";
import * as chat from "./chat-request.ts";
import { SingleDecoder, SingleEncoder, SingleTap } from "../shared/single-answer.ts";
import { ollamaVectors, readAnswer as readEmbeddings, writeAnswer as writeEmbeddings } from "./embed-answer.ts";
import * as embed from "./embed-request.ts";
import { readError, writeError, writeStreamError } from "./errors.ts";
import { chatForm, generateForm } from "./forms.ts";
import type { Form } from "./forms.ts";
import * as generate from "./generate-request.ts";
import { LineDecoder } from "./line-decode.ts";
import { LineEncoder } from "./line-encode.ts";
import { LineTap } from "./line-tap.ts";
import { passChat, passGenerate } from "./pass-through.ts";

export { isLoadRequest, loadAnswer } from "./load.ts";

/** Names are those that every model's template survives; ids are only handed back. */
const accepts: Accepts = {
  toolName: { character: /[a-zA-Z0-9_-]/, longest: 64 },
  callId: { character: /[\x21-\x7e]/, longest: 256 },
  customTools: false,
  candidates: false,
  prefill: true,
  imageUrls: false,
};

/** Nothing keeps a silent stream alive: some clients parse even a blank line. */
const errors = {
  writeError,
  writeStreamError,
  keepalive: "",
  streamContentType: "application/x-ndjson",
  headers: [],
  synonyms: [],
} satisfies Partial<Ingress>;

const ingressOf = (form: Form) =>
  ({
    ...errors,
    streamEncoder: (context) => new LineEncoder(form, context),
    writeAnswer: (events, context) => writeAnswer(form, events, context),
  }) satisfies Partial<Ingress>;

const egressOf = (form: Form) =>
  ({
    accepts,
    modelField: "model",
    streamDecoder: (context) => new LineDecoder(form, context),
    readAnswer: (body, context) => new LineDecoder(form, context).whole(body),
    readError,
    tap: () => new LineTap(form),
  }) satisfies Partial<Egress>;

const framed = { framing: "ndjson", addressing: "body" } as const;

/** Ollama's chat, `POST /api/chat`. */
export const ollama: Codec = {
  ...framed,
  protocol: "ollama",
  streamsByDefault: true,
  ingress: { ...ingressOf(chatForm), readRequest: chat.readRequest },
  egress: { ...egressOf(chatForm), passThrough: passChat, writeRequest: chat.writeRequest },
};

/** Ollama's completion of a prompt, `POST /api/generate`. */
export const ollamaGenerate: Codec = {
  ...framed,
  protocol: "ollama-generate",
  streamsByDefault: true,
  ingress: { ...ingressOf(generateForm), readRequest: generate.readRequest },
  egress: { ...egressOf(generateForm), passThrough: passGenerate, writeRequest: generate.writeRequest },
};

/** Ollama's embeddings, `POST /api/embed`, and for clients the deprecated `POST /api/embeddings`. */
export const ollamaEmbeddings: Codec = {
  ...framed,
  protocol: "ollama-embeddings",
  streamsByDefault: false,
  ingress: {
    ...errors,
    readRequest: embed.readRequest,
    streamEncoder: (context) => new SingleEncoder(ollamaVectors, context),
    writeAnswer: writeEmbeddings,
  },
  egress: {
    accepts,
    modelField: "model",
    passThrough: embed.passThrough,
    writeRequest: embed.writeRequest,
    streamDecoder: () => new SingleDecoder(ollamaVectors),
    readAnswer: readEmbeddings,
    readError,
    tap: () => new SingleTap(ollamaVectors),
  },
};
