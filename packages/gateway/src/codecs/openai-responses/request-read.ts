import type { DecodedRequest } from "../../kernel/codec.ts";
import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { GenerationRequest, Message, OutputFormat, Reasoning, Sampling } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { arrayOf, unlessEmpty, without } from "../shared/json.ts";
import { readToolChoice } from "../shared/openai-tools.ts";
import { InputReader, isEmptyInput } from "./input-read.ts";
import { protocol } from "./own.ts";
import { chosenName, readTools } from "./tools.ts";

/** Asks for the probabilities of tokens. */
export const logprobsInclude = "message.output_text.logprobs";

/**
 * Reads a Responses request. What has no canonical word is kept in `extra["openai-responses"]` under its own name,
 * `previous_response_id`, `conversation`, `background` and `store` among it.
 *
 * Reading and writing again gives an equal request but for these: null is the same as absent; a string of content is
 * one text part; hosted tools go last; `stream: false` is left out; chat's forms of images and tool choices become
 * this protocol's.
 */
export function readRequest(body: JsonObject): Result<DecodedRequest> {
  const complaints = new Complaints();
  const losses: Loss[] = [];
  const request = readBody(body, complaints, losses);
  return complaints.result({ request, losses, ...compact({ bound: boundOf(body) }) });
}

/** What was said before, when only the backend has it: another would answer without. */
function boundOf({ previous_response_id: previous, conversation }: JsonObject): Failure | undefined {
  if (typeof previous === "string") {
    return failure("bad-request", `Previous response with id '${previous.slice(0, 100)}' not found.`, {
      param: "previous_response_id",
      upstreamCode: "previous_response_not_found",
    });
  }
  if (conversation === undefined || conversation === null) return undefined;
  return failure("bad-request", "The conversation was not found.", { param: "conversation" });
}

function readBody(body: JsonObject, complaints: Complaints, losses: Loss[]): GenerationRequest {
  const { model, input, instructions, tools: _tools, tool_choice, parallel_tool_calls, ...afterTools } = body;
  const { max_output_tokens, stream, user, reasoning, text, include, ...afterOutput } = afterTools;
  const name = complaints.requiredString(model, "model");
  const { tools, unknown } = readTools(body, complaints, losses);
  const included = readInclude(include, complaints);
  const { sampling, rest } = readSampling(afterOutput, included.logprobs, complaints);
  const thought = readReasoning(reasoning, complaints);
  const said = readText(text, complaints);
  const extra = unlessEmpty(
    compact({
      ...withoutNull(rest),
      include: included.rest,
      reasoning: thought.rest,
      text: said.rest,
      tools: unknown.length === 0 ? undefined : unknown,
    }) as JsonObject,
  );
  return {
    operation: "generate",
    model: name ?? "",
    messages: [...readInstructions(instructions, complaints), ...readInput(input, body, complaints)],
    tools,
    sampling,
    stream: complaints.boolean(stream, "stream") ?? false,
    ...compact({
      toolChoice: readToolChoice(tool_choice, { protocol, complaints }, (choice, type) =>
        chosenName(choice, type, complaints),
      ),
      parallelToolCalls: complaints.boolean(parallel_tool_calls, "parallel_tool_calls"),
      maxOutputTokens: complaints.integer(max_output_tokens, "max_output_tokens", { least: 1 }),
      reasoning: thought.reasoning,
      output: said.output,
      verbosity: said.verbosity,
      user: complaints.string(user, "user"),
      extra: extra && { [protocol]: extra },
    }),
  };
}

function withoutNull(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function readInstructions(value: Json | undefined, complaints: Complaints): readonly Message[] {
  const text = complaints.string(value, "instructions");
  return text === undefined || text === "" ? [] : [{ role: "system", parts: [{ type: "text", text }] }];
}

/** What stands in for an input: another module puts it there before we read, or the backend does. */
const elsewhere = ["previous_response_id", "conversation", "prompt"];

function readInput(value: Json | undefined, body: JsonObject, complaints: Complaints): readonly Message[] {
  if (isEmptyInput(value) && elsewhere.every((name) => body[name] === undefined || body[name] === null)) {
    complaints.add("One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.", "input");
  }
  if (value !== undefined && value !== null && typeof value !== "string" && !Array.isArray(value)) {
    return complaints.wrongType("input", "one of a string or array of objects", value) ?? [];
  }
  return new InputReader(complaints).read(value);
}

function readInclude(value: Json | undefined, complaints: Complaints) {
  const list = arrayOf(complaints.array(value, "include"));
  const rest = list.filter((word) => word !== logprobsInclude);
  return { logprobs: rest.length < list.length, rest: rest.length === 0 ? undefined : rest };
}

interface ReadSampling {
  readonly sampling: Sampling;
  readonly rest: JsonObject;
}

/** Penalties are Open Responses' only. */
function readSampling(body: JsonObject, logprobs: boolean, complaints: Complaints): ReadSampling {
  const { temperature, top_p, top_logprobs, presence_penalty, frequency_penalty, ...rest } = body;
  const sampling = compact({
    temperature: complaints.number(temperature, "temperature"),
    topP: complaints.number(top_p, "top_p"),
    logprobs: logprobs || undefined,
    topLogprobs: complaints.integer(top_logprobs, "top_logprobs", { least: 0, most: 20 }),
    presencePenalty: complaints.number(presence_penalty, "presence_penalty"),
    frequencyPenalty: complaints.number(frequency_penalty, "frequency_penalty"),
  });
  return { sampling, rest };
}

/** `summary: "auto"` is the wish to see reasoning; its other words are kept beside that wish. */
function readReasoning(value: Json | undefined, complaints: Complaints): { reasoning?: Reasoning; rest?: JsonObject } {
  const given = complaints.object(value, "reasoning");
  if (given === undefined) return {};
  const effort = complaints.string(given["effort"], "reasoning.effort");
  const summary = complaints.string(given["summary"], "reasoning.summary");
  const rest = unlessEmpty(
    withoutNull(without(given, new Set(summary === "auto" ? ["effort", "summary"] : ["effort"]))),
  );
  const reasoning = compact({ effort, show: summary === undefined ? undefined : true });
  return { ...(Object.keys(reasoning).length > 0 && { reasoning }), ...compact({ rest }) };
}

interface ReadText {
  readonly output?: OutputFormat;
  readonly verbosity?: string;
  readonly rest?: JsonObject;
}

const formatFields = new Set(["type", "name", "description", "schema", "strict"]);

function readText(value: Json | undefined, complaints: Complaints): ReadText {
  const text = complaints.object(value, "text");
  if (text === undefined) return {};
  const verbosity = complaints.string(text["verbosity"], "text.verbosity");
  const format = complaints.object(text["format"], "text.format");
  const read = format && readFormat(format, complaints);
  const rest = unlessEmpty({
    ...withoutNull(without(text, new Set(["verbosity", "format"]))),
    ...(read?.rest && { format: read.rest }),
  });
  return compact({ output: read?.output, verbosity, rest });
}

function readFormat(format: JsonObject, complaints: Complaints): { output?: OutputFormat; rest?: JsonObject } {
  const type = complaints.requiredString(format["type"], "text.format.type");
  const rest = unlessEmpty(withoutNull(without(format, formatFields)));
  switch (type) {
    case undefined:
      return {};
    case "text":
      return { output: { type: "text" }, ...compact({ rest }) };
    case "json_object":
      return { output: { type: "json" }, ...compact({ rest }) };
    case "json_schema": {
      const schema = compact({
        name: complaints.requiredString(format["name"], "text.format.name"),
        description: complaints.string(format["description"], "text.format.description"),
        schema: complaints.object(format["schema"], "text.format.schema"),
        strict: complaints.boolean(format["strict"], "text.format.strict"),
      });
      return { output: { type: "json-schema", ...schema }, ...compact({ rest }) };
    }
    default:
      return { rest: format };
  }
}
