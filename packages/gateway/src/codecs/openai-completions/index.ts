import type { Codec } from "../../kernel/codec.ts";
import { AnswerDecoder } from "../shared/openai-decoder.ts";
import { readError } from "../shared/openai-error-read.ts";
import { writeError, writeStreamError } from "../shared/openai-error-write.ts";
import { usageEdits } from "../shared/openai-pass.ts";
import { eventStream, keepaliveComment } from "../shared/openai-sse.ts";
import { openaiAccepts, openaiHeaders } from "../shared/openai-accepts.ts";
import { AnswerTap } from "../shared/openai-tap.ts";
import { CompletionStreamEncoder, writeAnswer } from "./answer.ts";
import { readRequest, writeRequest } from "./request.ts";
import { completionGrammar, lookAtChoice } from "./stream-decode.ts";

/** OpenAI's legacy completions, `POST /v1/completions`. */
export const openaiCompletions: Codec = {
  protocol: "openai-completions",
  framing: "sse",
  addressing: "body",
  streamsByDefault: false,
  ingress: {
    readRequest,
    streamEncoder: (context) => new CompletionStreamEncoder(context),
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
    passThrough: usageEdits,
    writeRequest,
    streamDecoder: (context) => new AnswerDecoder(completionGrammar, context),
    readAnswer: (body, context) => new AnswerDecoder(completionGrammar, context).whole(body),
    readError,
    tap: (options) => new AnswerTap(lookAtChoice, options),
  },
};
