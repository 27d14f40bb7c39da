import type { Asked, DecodedRequest, Dialect, WrittenRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, EmbeddingRequest } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { foreignLosses } from "../shared/extra.ts";
import { arrayOf, objectOf, unlessEmpty, without } from "../shared/json.ts";
import { camel } from "./names.ts";

/** Where options of the inputs stand that are not the same for all: one object for each. */
const each = "requests";

interface ReadOne {
  readonly text: string;
  readonly dimensions: number | undefined;
  /** `taskType`, `title` and the like. */
  readonly options: JsonObject;
}

/** Reads `{content}` of embedContent, or `{requests: [{content}]}` of batchEmbedContents. */
export function readEmbeddingRequest(given: JsonObject, asked: Asked): Result<DecodedRequest> {
  const complaints = new Complaints();
  const body = camel(given);
  const isBatch = body["requests"] !== undefined;
  const list = isBatch ? (complaints.array(body["requests"], "requests") ?? []) : [body];
  if (list.length === 0) complaints.add("Invalid 'requests': at least one is needed.", "requests");
  const read = list.map((item, index) => readOne(item, isBatch ? `requests[${index}].` : "", complaints));
  const dimensions = read[0]?.dimensions;
  const losses: Loss[] = read.some((one) => one.dimensions !== dimensions)
    ? [{ field: "outputDimensionality", reason: "approximated" }]
    : [];
  const texts = new Set(read.map(({ options }) => JSON.stringify(options)));
  const shared = texts.size === 1 ? unlessEmpty(read[0]?.options ?? {}) : { [each]: read.map((one) => one.options) };
  const outer = isBatch ? without(body, new Set(["requests", "model"])) : {};
  const extra = unlessEmpty({ ...outer, ...shared });
  const request: EmbeddingRequest = {
    operation: "embed",
    model: asked.model,
    inputs: read.map(({ text }) => text),
    ...compact({ dimensions, extra: extra && { "gemini-embeddings": extra } }),
  };
  return complaints.result({ request, losses });
}

function readOne(value: Json, path: string, complaints: Complaints): ReadOne {
  const given = camel(complaints.requiredObject(value, path.slice(0, -1)) ?? {});
  const { content, outputDimensionality, model: _, ...options } = given;
  const dimensions = complaints.integer(outputDimensionality, `${path}outputDimensionality`, { least: 1 });
  return { text: readContent(content, `${path}content`, complaints), dimensions, options };
}

/** The texts of a content's parts, each a line of its own. Other parts have no canonical word yet. */
function readContent(value: Json | undefined, path: string, complaints: Complaints): string {
  if (typeof value === "string") return value;
  const content = complaints.requiredObject(value, path);
  if (content === undefined) return "";
  const { parts } = content;
  const list = Array.isArray(parts) ? arrayOf(parts) : [parts ?? {}];
  const texts = list.map((item, place) => {
    if (typeof item === "string") return item;
    return complaints.requiredString(objectOf(item)?.["text"], `${path}.parts[${place}].text`) ?? "";
  });
  return texts.join("\n");
}

/** Writes batchEmbedContents, whatever the number of inputs: one path serves all. */
export function writeEmbeddingRequest(request: CanonicalRequest, _dialect: Dialect): WrittenRequest {
  if (request.operation !== "embed") throw new TypeError(`A Gemini embeddings request cannot ${request.operation}.`);
  const losses = foreignLosses(request.extra, "gemini-embeddings", "");
  const own = request.extra?.["gemini-embeddings"] ?? {};
  const options = arrayOf(own[each]);
  if (request.user !== undefined) losses.push({ field: "user", reason: "unsupported" });
  const requests = request.inputs.map((input, index): JsonObject => {
    if (typeof input !== "string") losses.push({ field: `inputs[${index}]`, reason: "unsupported" });
    return {
      ...(options.length > 0 ? objectOf(options[index]) : own),
      model: `models/${request.model}`,
      content: { parts: [{ text: typeof input === "string" ? input : "" }] },
      ...compact({ outputDimensionality: request.dimensions }),
    };
  });
  return { body: { requests }, losses };
}
