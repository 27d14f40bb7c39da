import type { Dialect } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest, OutputFormat } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, without } from "../shared/json.ts";
import { fittingSampling, writeSampling, writeStreamOptions } from "../shared/openai-sampling.ts";
import { MessageWriter } from "./message-write.ts";
import { saysReasoning } from "./reasoning-switch.ts";
import { writeReasoning } from "./reasoning-write.ts";
import { legacyMarks } from "./request-read.ts";
import { functionOf, writeFunctionChoice, writeTool, writeToolChoice } from "./tools.ts";

/** Extra fields that are written as part of another one, or are only marks. */
const woven = new Set(["tools", "functions", "function_call", "response_format", "stream_options"]);

/** Writes a chat completion request in a vendor's dialect. A loss's field is the canonical path. */
export function writeRequest(
  request: CanonicalRequest,
  dialect: Dialect,
): { readonly body: JsonObject; readonly losses: readonly Loss[] } {
  if (request.operation !== "generate") throw new TypeError(`A chat request cannot ${request.operation}.`);
  const own = request.extra?.["openai-chat"] ?? {};
  const losses: Loss[] = foreignLosses(request.extra, "openai-chat", "");
  for (const [index, tool] of request.tools.entries()) {
    losses.push(...foreignLosses(tool.extra, "openai-chat", `tools[${index}].`));
  }
  const body = {
    ...without(own, woven),
    model: request.model,
    messages: new MessageWriter(dialect, losses, request).write(request.messages),
    ...writeTools(request, losses),
    ...writeSampling(fittingSampling(request.sampling, dialect, losses)),
    // What the client said in words of this protocol stands in `own`, word by word.
    ...(saysReasoning(own) ? {} : writeReasoning(request.reasoning, dialect, losses)),
    ...compact({
      logprobs: request.sampling.logprobs,
      top_logprobs: request.sampling.topLogprobs,
      [dialect.maxTokensField ?? "max_completion_tokens"]: request.maxOutputTokens,
      n: request.candidates,
      verbosity: request.verbosity,
      response_format: writeOutput(request.output, objectOf(own["response_format"])),
      user: request.user,
      stream: request.stream || undefined,
      stream_options: writeStreamOptions(request.stream && dialect.streamUsage, objectOf(own["stream_options"])),
    }),
  } as JsonObject;
  return { body, losses };
}

function writeTools(request: GenerationRequest, losses: Loss[]): JsonObject {
  const legacy = legacyMarks(request);
  const tools = [...request.tools.map(writeTool), ...arrayOf(request.extra?.["openai-chat"]?.["tools"])];
  const { toolChoice, parallelToolCalls } = request;
  return compact({
    functions: legacy.tools ? request.tools.map(functionOf) : undefined,
    tools: legacy.tools || tools.length === 0 ? undefined : tools,
    function_call: legacy.choice && toolChoice ? writeFunctionChoice(toolChoice) : undefined,
    tool_choice: legacy.choice || !toolChoice ? undefined : writeToolChoice(toolChoice, losses),
    parallel_tool_calls: legacy.tools ? undefined : parallelToolCalls,
  }) as JsonObject;
}

function writeOutput(output: OutputFormat | undefined, rest: JsonObject | undefined): Json | undefined {
  if (output === undefined) return rest;
  if (output.type === "text") return { ...rest, type: "text" };
  if (output.type === "json") return { ...rest, type: "json_object" };
  const { name = "answer", description, schema, strict } = output;
  const inner: JsonObject = { ...objectOf(rest?.["json_schema"]), name, ...compact({ description, schema, strict }) };
  return { ...rest, type: "json_schema", json_schema: inner };
}
