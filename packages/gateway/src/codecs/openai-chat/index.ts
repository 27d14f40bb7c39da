import type { Codec } from "../../kernel/codec.ts";
import { AnswerDecoder } from "../shared/openai-decoder.ts";
import { readError } from "../shared/openai-error-read.ts";
import { writeError, writeStreamError } from "../shared/openai-error-write.ts";
import { eventStream, keepaliveComment } from "../shared/openai-sse.ts";
import { openaiAccepts, openaiHeaders } from "../shared/openai-accepts.ts";
import { AnswerTap } from "../shared/openai-tap.ts";
import { writeAnswer } from "./answer.ts";
import { passThrough } from "./pass-through.ts";
import { readRequest } from "./request-read.ts";
import { writeRequest } from "./request-write.ts";
import { chatGrammar } from "./stream-decode.ts";
import { ChatStreamEncoder } from "./stream-encode.ts";
import { lookAtChoice } from "./tap-look.ts";

/** OpenAI Chat Completions, `POST /v1/chat/completions`, and what compatible backends make of it. */
export const openaiChat: Codec = {
  protocol: "openai-chat",
  framing: "sse",
  addressing: "body",
  streamsByDefault: false,
  ingress: {
    readRequest,
    streamEncoder: (context) => new ChatStreamEncoder(context),
    writeAnswer,
    writeError,
    writeStreamError,
    keepalive: keepaliveComment,
    streamContentType: eventStream,
    headers: openaiHeaders,
    synonyms: [
      ["max_tokens", "max_completion_tokens"],
      ["tools", "functions"],
      ["tool_choice", "function_call"],
    ],
  },
  egress: {
    accepts: openaiAccepts,
    modelField: "model",
    passThrough,
    writeRequest,
    streamDecoder: () => new AnswerDecoder(chatGrammar),
    readAnswer: (body) => new AnswerDecoder(chatGrammar).whole(body),
    readError,
    tap: (options) => new AnswerTap(lookAtChoice, options),
  },
};
