import type { DecodedRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Message, OutputFormat } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { objectOf, unlessEmpty, without } from "../shared/json.ts";
import { readSampling, readStreamOptions } from "../shared/openai-sampling.ts";
import { readToolChoice } from "../shared/openai-tools.ts";
import { flatCustomTools } from "./client-form.ts";
import { MessageReader } from "./message-read.ts";
import { readReasoningSwitch } from "./reasoning-switch.ts";
import { withFewMarks } from "./cache-marks.ts";
import { chosenName, readFunctionChoice, readFunctions, readTools } from "./tools.ts";

/**
 * Reads a chat completion request. What has no canonical word is kept in `extra["openai-chat"]`, under its own name.
 * Two entries there are marks of ours, for names that never stay there otherwise: `functions: true` and
 * `function_call: true` tell that the legacy form was used.
 *
 * Reading and writing again gives an equal request but for these: null is the same as absent; `stop` is a list;
 * one plain text part is a string; `max_tokens` is what the dialect calls it; `stream: false` is left out;
 * an image's bare URL becomes an object, plain base64 of a file a data URL, and a list of refusals one `refusal`;
 * tools of unknown kinds go last; media in a tool's answer go to a user message after it; several plain texts of the
 * system, the assistant or a tool become one, empty ones are dropped; a file of text becomes text; tools, calls and
 * parts in another protocol's form get chat's.
 */
export function readRequest(body: JsonObject): Result<DecodedRequest> {
  const complaints = new Complaints();
  const losses: Loss[] = [];
  const request = readBody(body, complaints, losses);
  return complaints.result({ request, losses });
}

function readBody(body: JsonObject, complaints: Complaints, losses: Loss[]): GenerationRequest {
  const { model, messages, tools, functions, tool_choice, function_call, parallel_tool_calls, ...afterTools } = body;
  const { max_tokens, max_completion_tokens, n, stream, stream_options, user, ...afterLimits } = afterTools;
  const { response_format, verbosity, ...afterFormat } = afterLimits;
  const { reasoning, raw, rest: afterOutput } = readReasoningSwitch(afterFormat, complaints);
  const { logprobs, top_logprobs, ...afterLogprobs } = afterOutput;
  const { sampling, rest } = readSampling(afterLogprobs, complaints);
  const name = complaints.requiredString(model, "model");
  const legacy = isGiven(functions);
  if (legacy && isGiven(tools)) complaints.add("Only one of 'tools' and 'functions' may be given.", "functions");
  if (isGiven(tool_choice) && isGiven(function_call)) {
    complaints.add("Only one of 'tool_choice' and 'function_call' may be given.", "function_call");
  }
  const read = readTools(tools, complaints);
  const choice = readToolChoice(tool_choice, { protocol: "openai-chat", complaints }, (named, type) =>
    chosenName(named, type, { complaints, losses }),
  );
  const most = complaints.integer(max_completion_tokens, "max_completion_tokens", { least: 1 });
  const mostInOldForm = complaints.integer(max_tokens, "max_tokens", { least: 1 });
  const output = readOutput(response_format, complaints);
  const streamRest = readStreamOptions(stream_options, complaints);
  const own: JsonObject = {
    ...rest,
    ...raw,
    ...(read.unknown.length > 0 && { tools: read.unknown }),
    ...(legacy && { functions: true }),
    ...(isGiven(function_call) && { function_call: true }),
    ...(output.rest && { response_format: output.rest }),
    ...(streamRest && { stream_options: streamRest }),
  };
  const extra = unlessEmpty(own);
  return {
    operation: "generate",
    model: name ?? "",
    messages: withFewMarks(readMessages(messages, complaints, flatCustomTools(body)), read.tools),
    tools: legacy ? readFunctions(functions, complaints) : read.tools,
    sampling: {
      ...sampling,
      ...compact({
        logprobs: complaints.boolean(logprobs, "logprobs"),
        topLogprobs: complaints.integer(top_logprobs, "top_logprobs", { least: 0, most: 20 }),
      }),
    },
    stream: complaints.boolean(stream, "stream") ?? false,
    ...compact({
      toolChoice: choice ?? readFunctionChoice(function_call, complaints),
      // The legacy form of an answer has room for one call.
      parallelToolCalls: complaints.boolean(parallel_tool_calls, "parallel_tool_calls") ?? (legacy ? false : undefined),
      maxOutputTokens: most ?? mostInOldForm,
      candidates: complaints.integer(n, "n", { least: 1, most: 128 }),
      reasoning,
      verbosity: complaints.string(verbosity, "verbosity"),
      output: output.format,
      user: complaints.string(user, "user"),
      extra: extra && { "openai-chat": extra },
    }),
  };
}

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}

function readMessages(value: Json | undefined, complaints: Complaints, flat: ReadonlySet<string>): readonly Message[] {
  if (value === undefined || value === null) return complaints.missing("messages") ?? [];
  if (!Array.isArray(value)) return complaints.wrongType("messages", "an array of objects", value) ?? [];
  if (value.length === 0) {
    complaints.add(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages",
    );
  }
  const reader = new MessageReader(complaints, flat);
  return (value as readonly Json[]).flatMap((message, index) => reader.read(message, index) ?? []);
}

interface ReadOutput {
  readonly format?: OutputFormat;
  /** Unknown fields, or the whole of an unknown format. */
  readonly rest?: JsonObject;
}

const schemaFields = new Set(["name", "description", "schema", "strict"]);

function readOutput(value: Json | undefined, complaints: Complaints): ReadOutput {
  const format = complaints.object(value, "response_format");
  const type = format && complaints.requiredString(format["type"], "response_format.type");
  if (format === undefined || type === undefined) return {};
  const outer = without(format, new Set(["type", "json_schema"]));
  switch (type) {
    case "text":
      return { format: { type: "text" }, ...compact({ rest: unlessEmpty(outer) }) };
    case "json_object":
      return { format: { type: "json" }, ...compact({ rest: unlessEmpty(outer) }) };
    case "json_schema": {
      const path = "response_format.json_schema";
      const inner = complaints.requiredObject(format["json_schema"], path);
      if (inner === undefined) return {};
      const innerRest = unlessEmpty(without(inner, schemaFields));
      const rest = unlessEmpty({ ...outer, ...(innerRest && { json_schema: innerRest }) });
      return {
        format: { type: "json-schema", ...readSchema(inner, path, complaints) },
        ...compact({ rest }),
      };
    }
    default:
      return { rest: format };
  }
}

function readSchema(inner: JsonObject, path: string, complaints: Complaints) {
  return compact({
    name: complaints.requiredString(inner["name"], `${path}.name`),
    description: complaints.string(inner["description"], `${path}.description`),
    schema: complaints.object(inner["schema"], `${path}.schema`),
    strict: complaints.boolean(inner["strict"], `${path}.strict`),
  });
}

/** The legacy form was used for `functions` or for `function_call`. */
export function legacyMarks(request: GenerationRequest): {
  readonly tools: boolean;
  readonly choice: boolean;
} {
  const own = objectOf(request.extra?.["openai-chat"]);
  return { tools: own?.["functions"] === true, choice: own?.["function_call"] === true };
}
