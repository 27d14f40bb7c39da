import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Asked, Dialect } from "../../kernel/codec.ts";
import type { GenerationRequest } from "../../kernel/request.ts";
import { without } from "../shared/json.ts";
import type { Reading } from "./content.ts";
import { readFormat, writeFormat } from "./format.ts";
import { beside, readOptions, writeOptions } from "./options.ts";
import { readThink, writeThink } from "./think.ts";
import { windowFields } from "./window.ts";

const fields = new Set(["model", "format", "options", "stream", "think", "logprobs", "top_logprobs"]);

/** What the requests of `/api/chat` and `/api/generate` have in common. */
type CommonRequest = Omit<GenerationRequest, "messages" | "tools" | "extra">;

interface ReadCommon {
  readonly request: CommonRequest;
  /** Everything else, and the options that have no canonical word. */
  readonly rest: JsonObject;
}

export function readCommon(body: JsonObject, asked: Asked, { complaints }: Reading): ReadCommon {
  const { sampling, maxOutputTokens, own } = readOptions(body["options"], complaints);
  const more = compact({
    logprobs: complaints.boolean(body["logprobs"], "logprobs"),
    topLogprobs: complaints.integer(body["top_logprobs"], "top_logprobs", { least: 0, most: 20 }),
  });
  const request: CommonRequest = {
    operation: "generate",
    model: complaints.requiredString(body["model"], "model") ?? "",
    sampling: { ...sampling, ...more },
    stream: complaints.boolean(body["stream"], "stream") ?? asked.stream,
    ...compact({
      maxOutputTokens,
      reasoning: readThink(body["think"], complaints),
      output: readFormat(body["format"], complaints),
    }),
  };
  const rest = Object.entries(without(body, fields)).filter(([, value]) => value !== null);
  return { request, rest: { ...Object.fromEntries(rest), ...own } };
}

/** The common fields of a request. `content` is what the model is to read; `own` is what is kept of this protocol. */
export function writeCommon(
  request: GenerationRequest,
  {
    own,
    content,
    dialect,
    losses,
  }: {
    readonly own: JsonObject;
    readonly content: JsonObject;
    readonly dialect: Dialect;
    readonly losses: Loss[];
  },
): JsonObject {
  const { sampling } = request;
  losses.push(...unsaid(request));
  return {
    ...windowFields(content, writeOptions(request, own), dialect),
    ...beside(own),
    model: request.model,
    ...content,
    ...(compact({
      format: writeFormat(request.output, losses),
      think: writeThink(request.reasoning, losses),
      logprobs: sampling.logprobs,
      top_logprobs: sampling.topLogprobs,
    }) as JsonObject),
    // Whoever says nothing gets a stream.
    stream: request.stream,
  };
}

/** What no request of Ollama's can say. */
function unsaid(request: GenerationRequest): readonly Loss[] {
  const lost = {
    parallelToolCalls: request.parallelToolCalls === false,
    candidates: (request.candidates ?? 1) > 1,
    verbosity: request.verbosity !== undefined,
    user: request.user !== undefined,
  };
  return Object.entries(lost).flatMap(([field, given]) => (given ? [{ field, reason: "unsupported" as const }] : []));
}
