import type { DecodedRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, OutputFormat } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { unlessEmpty, without } from "../shared/json.ts";
import { ownExtra, toolPlaces } from "./keep.ts";
import { readMessages } from "./message-read.ts";
import { readThinking } from "./thinking-read.ts";
import { readToolChoice, readTools } from "./tools.ts";

/**
 * Reads a Messages request. What has no canonical word is kept in `extra["anthropic-messages"]`, under its own name.
 * `max_tokens` may be missing, as it is in requests to count tokens.
 *
 * Reading and writing again gives an equal request but for these: null is the same as absent; one plain text block is
 * a string; consecutive messages of one role are one, with the results of tools first; empty texts are left out;
 * `output_format` is `output_config.format`; `disable_parallel_tool_use: false` and
 * `stream: false` are left out; and what the model is known to refuse is mended (see `request-write.ts`).
 */
export function readRequest(body: JsonObject): Result<DecodedRequest> {
  const complaints = new Complaints();
  const request = readBody(body, complaints);
  return complaints.result({ request, losses: [] });
}

function readBody(body: JsonObject, complaints: Complaints): GenerationRequest {
  const { model, messages: _messages, system: _system, max_tokens, stream, tools, tool_choice, ...afterTools } = body;
  const { metadata, stop_sequences, temperature, top_p, top_k, ...afterSampling } = afterTools;
  const { thinking, output_config, output_format, ...others } = afterSampling;
  const config = complaints.object(output_config, "output_config") ?? {};
  const output = readOutput(config["format"] ?? output_format, complaints);
  const reasoning = readThinking(thinking, config["effort"], complaints);
  const read = readTools(tools, complaints);
  const who = complaints.object(metadata, "metadata") ?? {};
  const extra = ownExtra({
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => value !== null)),
    ...compact({
      thinking: reasoning.rest,
      output_config: unlessEmpty({
        ...without(config, new Set(["effort", "format"])),
        ...compact({ effort: reasoning.effortRest, format: output.rest }),
      }),
      metadata: unlessEmpty(without(who, new Set(["user_id"]))),
      tools: read.unknown.length === 0 ? undefined : read.unknown,
      [toolPlaces]: read.unknown.length === 0 ? undefined : read.places,
    }),
  } as JsonObject);
  return {
    operation: "generate",
    model: complaints.requiredString(model, "model") ?? "",
    messages: readMessages(body, complaints),
    tools: read.tools,
    sampling: compact({
      temperature: complaints.number(temperature, "temperature"),
      topP: complaints.number(top_p, "top_p"),
      topK: complaints.number(top_k, "top_k"),
      stop: complaints.strings(stop_sequences, "stop_sequences"),
    }),
    stream: complaints.boolean(stream, "stream") ?? false,
    ...readToolChoice(tool_choice, complaints),
    ...compact({
      maxOutputTokens: complaints.integer(max_tokens, "max_tokens", { least: 1 }),
      reasoning: reasoning.reasoning,
      output: output.format,
      user: complaints.string(who["user_id"], "metadata.user_id"),
      extra,
    }),
  };
}

interface ReadOutput {
  readonly format?: OutputFormat;
  /** Unknown fields, or the whole of an unknown format. */
  readonly rest?: JsonObject;
}

const formatFields = new Set(["type", "schema", "name", "description", "strict"]);

function readOutput(value: Json | undefined, complaints: Complaints): ReadOutput {
  const format = complaints.object(value, "output_config.format");
  if (format === undefined) return {};
  if (format["type"] !== "json_schema") return { rest: format };
  const schema = complaints.requiredObject(format["schema"], "output_config.format.schema");
  const text = (name: string) => complaints.string(format[name], `output_config.format.${name}`);
  const strict = complaints.boolean(format["strict"], "output_config.format.strict");
  const read = compact({ name: text("name"), description: text("description"), schema, strict });
  const rest = unlessEmpty(without(format, formatFields));
  return { format: { type: "json-schema", ...read }, ...compact({ rest }) };
}
