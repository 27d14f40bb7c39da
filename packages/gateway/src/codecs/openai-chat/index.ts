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
    // Free text for tools is OpenAI's alone, its rule for ids too: its row among the vendors says so. Others know their
    // own ids again, such as Kimi's `functions.look:0`.
    accepts: { ...openaiAccepts, callId: { character: /[\x21-\x7e]/, longest: 256 }, customTools: false },
    modelField: "model",
    passThrough,
    writeRequest,
    streamDecoder: (context) => new AnswerDecoder(chatGrammar, context),
    readAnswer: (body, context) => new AnswerDecoder(chatGrammar, context).whole(body),
    readError,
    tap: (options) => new AnswerTap(lookAtChoice, options),
  },
};
