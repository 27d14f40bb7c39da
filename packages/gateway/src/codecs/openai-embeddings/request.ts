import type { DecodedRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { CanonicalRequest, EmbeddingRequest } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { foreignLosses } from "../shared/extra.ts";
import { unlessEmpty } from "../shared/json.ts";

/** Most inputs of one request, OpenAI's own limit. */
const mostInputs = 2048;

type Inputs = EmbeddingRequest["inputs"];

/** Reads an embeddings request. `encoding_format` is the encoder's task, which sees the client's body. */
export function readRequest(body: JsonObject): Result<DecodedRequest> {
  const complaints = new Complaints();
  const { model, input, encoding_format, dimensions, user, ...rest } = body;
  const format = complaints.string(encoding_format, "encoding_format");
  if (format !== undefined && format !== "float" && format !== "base64") {
    complaints.wrongValue("encoding_format", format, ["float", "base64"]);
  }
  const extra = unlessEmpty(rest);
  const request: EmbeddingRequest = {
    operation: "embed",
    model: complaints.requiredString(model, "model") ?? "",
    inputs: readInput(input, complaints),
    ...compact({
      dimensions: complaints.integer(dimensions, "dimensions", { least: 1 }),
      user: complaints.string(user, "user"),
      extra: extra && { "openai-embeddings": extra },
    }),
  };
  return complaints.result({ request, losses: [] });
}

function readInput(input: Json | undefined, complaints: Complaints): Inputs {
  if (input === undefined || input === null) return complaints.missing("input") ?? [];
  if (typeof input === "string") return readTexts([input], complaints);
  if (!Array.isArray(input)) return complaints.wrongType("input", "one of a string or array", input) ?? [];
  const list = input as readonly Json[];
  const [first] = list;
  // A list of numbers is one text, cut into token ids.
  if (typeof first === "number") return [readTokens(list, "input", complaints)];
  return readTexts(list, complaints);
}

function readTexts(list: readonly Json[], complaints: Complaints): Inputs {
  if (list.length === 0) complaints.add("Invalid 'input': empty array. Expected at least one input.", "input");
  if (list.length > mostInputs) {
    complaints.add(
      `Invalid 'input': array too long. Expected an array with maximum length ${mostInputs}, but got an array with length ${list.length} instead.`,
      "input",
    );
    return [];
  }
  return list.map((item, index) => {
    const path = list.length === 1 ? "input" : `input[${index}]`;
    if (Array.isArray(item)) return readTokens(item as readonly Json[], path, complaints);
    if (item === "") complaints.add(`Invalid '${path}': input cannot be an empty string.`, path);
    return complaints.requiredString(item, path) ?? "";
  });
}

function readTokens(list: readonly Json[], path: string, complaints: Complaints): readonly number[] {
  if (list.length === 0) complaints.add(`Invalid '${path}': input cannot be an empty array.`, path);
  if (list.every(isToken)) return list;
  const wrong = list.findIndex((item) => !isToken(item));
  return complaints.wrongType(`${path}[${wrong}]`, "a token id", list[wrong] ?? null) ?? [];
}

function isToken(item: Json): item is number {
  return typeof item === "number" && Number.isSafeInteger(item) && item >= 0;
}

/** Writes an embeddings request. One text goes as a string, which every backend takes; vectors come as floats. */
export function writeRequest(request: CanonicalRequest): {
  readonly body: JsonObject;
  readonly losses: readonly Loss[];
} {
  if (request.operation !== "embed") throw new TypeError(`An embeddings request cannot ${request.operation}.`);
  const [only] = request.inputs;
  const body = {
    ...request.extra?.["openai-embeddings"],
    model: request.model,
    input: request.inputs.length === 1 && typeof only === "string" ? only : request.inputs,
    ...compact({ dimensions: request.dimensions, user: request.user }),
  } as JsonObject;
  return { body, losses: foreignLosses(request.extra, "openai-embeddings", "") };
}
