import type { Codec, PassThrough, RequestView } from "../../kernel/codec.ts";
import { carrierMark } from "../shared/carrier.ts";
import { openaiAccepts, openaiHeaders } from "../shared/openai-accepts.ts";
import { readError } from "../shared/openai-error-read.ts";
import { writeError } from "../shared/openai-error-write.ts";
import { eventStream, keepaliveComment } from "../shared/openai-sse.ts";
import { protocol } from "./own.ts";
import { readRequest } from "./request-read.ts";
import { writeRequest } from "./request-write.ts";
import { writeStreamError } from "./response.ts";
import { ResponseDecoder } from "./stream-decode.ts";
import { ResponseStreamEncoder, writeAnswer } from "./stream-encode.ts";
import { ResponseTap } from "./tap.ts";

/** What Codex and its kin tell OpenAI of their session: it keeps a conversation on the machine that cached it. */
const sessionHeaders = [
  "session-id",
  "session_id",
  "thread-id",
  "conversation_id",
  "originator",
  "x-client-request-id",
  "x-codex-beta-features",
  "x-codex-turn-metadata",
  "x-codex-turn-state",
  "x-codex-window-id",
];

/** A request that carries another vendor's state is translated: the backend would refuse it. */
function passThrough(request: RequestView): PassThrough | undefined {
  return request.contains(carrierMark) ? undefined : { edits: [], tap: { dropUsageEvent: false } };
}

/** OpenAI Responses, `POST /v1/responses`, and Open Responses, its stricter sibling. */
export const openaiResponses: Codec = {
  protocol,
  framing: "sse",
  addressing: "body",
  streamsByDefault: false,
  ingress: {
    readRequest,
    streamEncoder: (context) => new ResponseStreamEncoder(context),
    writeAnswer,
    writeError,
    writeStreamError,
    keepalive: keepaliveComment,
    streamContentType: eventStream,
    headers: [...openaiHeaders, ...sessionHeaders],
    synonyms: [],
  },
  egress: {
    accepts: { ...openaiAccepts, candidates: false, prefill: false },
    passThrough,
    writeRequest,
    streamDecoder: (context) => new ResponseDecoder(context),
    readAnswer: (body, context) => new ResponseDecoder(context).whole(body),
    readError,
    tap: () => new ResponseTap(),
  },
};
