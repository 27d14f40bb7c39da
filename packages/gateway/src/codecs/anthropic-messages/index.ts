import type { Codec } from "../../kernel/codec.ts";
import { eventStream, keepaliveComment } from "../shared/openai-sse.ts";
import { writeAnswer } from "./answer.ts";
import { readError, writeError, writeStreamError } from "./errors.ts";
import { passThrough } from "./pass-through.ts";
import { readRequest } from "./request-read.ts";
import { writeRequest } from "./request-write.ts";
import { MessageDecoder } from "./stream-decode.ts";
import { MessageEncoder } from "./stream-encode.ts";
import { MessageTap } from "./tap.ts";

/** Anthropic's Messages, `POST /v1/messages`, and what compatible backends make of it. */
export const anthropicMessages: Codec = {
  protocol: "anthropic-messages",
  framing: "sse",
  addressing: "body",
  streamsByDefault: false,
  ingress: {
    readRequest,
    streamEncoder: (context) => new MessageEncoder(context),
    writeAnswer,
    writeError,
    writeStreamError,
    // Every measured client skips comments, also before the first event.
    keepalive: keepaliveComment,
    streamContentType: eventStream,
    headers: ["anthropic-version", "anthropic-beta"],
    synonyms: [],
  },
  egress: {
    accepts: {
      // 64 in the API's older documentation, 128 in its newer.
      toolName: { character: /[a-zA-Z0-9_-]/, longest: 64 },
      callId: { character: /[a-zA-Z0-9_-]/, longest: 64 },
      customTools: false,
      candidates: false,
      // Models that take none are known by their names when the request is written.
      prefill: true,
      imageUrls: true,
    },
    // The model's name stands within `message` in a stream: to tell another name means to translate.
    passThrough,
    writeRequest,
    streamDecoder: ({ id }) => new MessageDecoder(id),
    readAnswer: (body, { id }) => new MessageDecoder(id).whole(body),
    readError,
    tap: () => new MessageTap(),
  },
};
