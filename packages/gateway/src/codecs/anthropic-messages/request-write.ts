import type { WrittenRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, GenerationRequest, OutputFormat } from "../../kernel/request.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, countOf, objectOf, unlessEmpty, without } from "../shared/json.ts";
import { closeObjects } from "./closed-schema.ts";
import { protocol, toolPlaces } from "./keep.ts";
import { MessageWriter } from "./message-write.ts";
import { traitsOf } from "./model.ts";
import type { ModelTraits } from "./model.ts";
import { writeSampling } from "./sampling-write.ts";
import { planThinking } from "./thinking-write.ts";
import { writeTool, writeToolChoice } from "./tools.ts";

/** Extra fields that are written as part of another one, or are only marks. */
const woven = new Set(["tools", toolPlaces, "thinking", "output_config", "metadata"]);

/** Writes a Messages request. A loss's field is the canonical path. */
export function writeRequest(request: CanonicalRequest): WrittenRequest {
  if (request.operation !== "generate") throw new TypeError(`A Messages request cannot ${request.operation}.`);
  const own = request.extra?.[protocol] ?? {};
  const losses: Loss[] = foreignLosses(request.extra, protocol, "");
  const traits = traitsOf(request.model);
  const tools = writeTools(request, losses);
  const writer = new MessageWriter(losses);
  writer.write(request.messages);
  const choice = objectOf(tools["tool_choice"])?.["type"];
  const isForced = choice === "any" || choice === "tool";
  const plan = planThinking(request, { traits, isForced, lacksThinking: writer.lacksThinking }, losses);
  const output = writeOutput(request.output, traits, losses);
  const { system, messages } = writer.finish(traits.prefill && !plan.isOn);
  const everySystem =
    output.instruction === undefined ? system : [...system, { type: "text", text: output.instruction }];
  const [only] = everySystem;
  const isPlain = everySystem.length === 1 && only !== undefined && Object.keys(only).length === 2;
  const config = objectOf(own["output_config"]);
  const body = {
    ...without(own, woven),
    model: request.model,
    ...plan.fields,
    ...compact({
      system: everySystem.length === 0 ? undefined : isPlain ? (only["text"] ?? "") : everySystem,
      messages,
      ...tools,
      ...writeSampling(request.sampling, { traits, isThinking: plan.isOn }, losses),
      output_config: unlessEmpty({
        ...config,
        ...compact({ effort: plan.effort, format: withRest(output.format, objectOf(config?.["format"])) }),
      } as JsonObject),
      metadata: unlessEmpty({ ...objectOf(own["metadata"]), ...compact({ user_id: request.user }) }),
      stream: request.stream || undefined,
    }),
  } as JsonObject;
  for (const field of ["verbosity", "candidates"] as const) {
    const value = request[field];
    if (value !== undefined && value !== 1) losses.push({ field, reason: "unsupported" });
  }
  return { body, losses };
}

/**
 * `tools` and `tool_choice`. The API refuses a history of calls without tools, so those that were called are declared
 * and forbidden; it refuses a choice without tools as well.
 */
function writeTools(request: GenerationRequest, losses: Loss[]): JsonObject {
  for (const [index, tool] of request.tools.entries()) {
    losses.push(...foreignLosses(tool.extra, protocol, `tools[${index}].`));
  }
  const tools: Json[] = request.tools.map((tool, index) => writeTool(tool, `tools[${index}]`, losses));
  const own = request.extra?.[protocol];
  const places = arrayOf(own?.[toolPlaces]);
  for (const [index, tool] of arrayOf(own?.["tools"]).entries()) {
    tools.splice(countOf(places[index]) ?? tools.length, 0, tool);
  }
  if (tools.length > 0) return compact({ tools, tool_choice: writeToolChoice(request, losses) }) as JsonObject;
  if (request.toolChoice !== undefined && request.toolChoice.type !== "auto" && request.toolChoice.type !== "none") {
    losses.push({ field: "toolChoice", reason: "unsupported" });
  }
  const called = new Set(
    request.messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : []))),
  );
  const hasResults = request.messages.some(({ parts }) => parts.some((part) => part.type === "tool-result"));
  if (called.size === 0 && !hasResults) return {};
  losses.push({ field: "tools", reason: "approximated" });
  const names = called.size === 0 ? ["tool"] : [...called];
  return {
    tools: names.map((name) => ({ name, input_schema: { type: "object", properties: {} } })),
    tool_choice: { type: "none" },
  };
}

interface WrittenOutput {
  readonly format?: JsonObject;
  /** For what the model has no format for: a sentence of the system's. */
  readonly instruction?: string;
}

function withRest(format: JsonObject | undefined, rest: JsonObject | undefined): JsonObject | undefined {
  return format === undefined ? rest : { ...rest, ...format };
}

/** A schema's name, description and strictness have no room here; the API is always strict. */
function writeOutput(output: OutputFormat | undefined, traits: ModelTraits, losses: Loss[]): WrittenOutput {
  if (output === undefined || output.type === "text") return {};
  const schema = output.type === "json-schema" ? output.schema : undefined;
  if (schema !== undefined && traits.format) {
    const closed = closeObjects(schema);
    if (JSON.stringify(closed).length !== JSON.stringify(schema).length) {
      losses.push({ field: "output.schema", reason: "approximated" });
    }
    return { format: { type: "json_schema", schema: closed } };
  }
  losses.push({ field: "output", reason: "approximated" });
  const ask = "Answer with a single JSON object and nothing else: no explanation, no code fence.";
  const shape = schema === undefined ? "" : ` It must conform to this JSON schema:\n${JSON.stringify(schema)}`;
  return { instruction: ask + shape };
}
