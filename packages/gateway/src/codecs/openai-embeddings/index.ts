import type { Codec } from "../../kernel/codec.ts";
import { readError } from "../shared/openai-error-read.ts";
import { writeError, writeStreamError } from "../shared/openai-error-write.ts";
import { eventStream, keepaliveComment } from "../shared/openai-sse.ts";
import { openaiAccepts, openaiHeaders } from "../shared/openai-accepts.ts";
import { SingleDecoder, SingleEncoder, SingleTap } from "../shared/single-answer.ts";
import { openaiVectors, readAnswer, writeAnswer } from "./answer.ts";
import { readRequest, writeRequest } from "./request.ts";

/** OpenAI embeddings, `POST /v1/embeddings`. */
export const openaiEmbeddings: Codec = {
  protocol: "openai-embeddings",
  framing: "sse",
  addressing: "body",
  streamsByDefault: false,
  ingress: {
    readRequest,
    streamEncoder: (context) => new SingleEncoder(openaiVectors, context),
    writeAnswer,
    writeError,
    writeStreamError,
    keepalive: keepaliveComment,
    streamContentType: eventStream,
    headers: openaiHeaders,
    synonyms: [],
  },
  egress: {
    accepts: openaiAccepts,
    modelField: "model",
    passThrough: () => ({ edits: [], tap: { dropUsageEvent: false } }),
    writeRequest,
    streamDecoder: () => new SingleDecoder(openaiVectors),
    readAnswer,
    readError,
    tap: () => new SingleTap(openaiVectors),
  },
};
