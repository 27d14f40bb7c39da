import type { DecodedRequest, Dialect, PassThrough, RequestView, WrittenRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { CanonicalRequest, EmbeddingRequest } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { foreignLosses } from "../shared/extra.ts";
import { unlessEmpty } from "../shared/json.ts";
import { beside, writeOptions } from "./options.ts";
import { plainObjectOf } from "./arguments.ts";
import { windowEdits } from "./window.ts";

const protocol = "ollama-embeddings";

/** Whether a body is one of the deprecated `/api/embeddings`, which has one `prompt` and is answered with one vector. */
export function isLegacy(body: JsonObject): boolean {
  return body["input"] === undefined && body["prompt"] !== undefined;
}

/** Reads a request of either form: `/api/embed` with `input`, or `/api/embeddings` with `prompt`. */
export function readRequest(body: JsonObject): Result<DecodedRequest> {
  const complaints = new Complaints();
  const { model, input, prompt, dimensions, options, ...rest } = body;
  const legacy = isLegacy(body);
  const given = complaints.object(options, "options") ?? {};
  const own = Object.entries(given).map(([name, option]): [string, Json] => [`options.${name}`, option]);
  const others = Object.entries(rest).filter(([, value]) => value !== null);
  const extra = unlessEmpty(Object.fromEntries([...others, ...own]));
  const request: EmbeddingRequest = {
    operation: "embed",
    model: complaints.requiredString(model, "model") ?? "",
    inputs: legacy ? [complaints.requiredString(prompt, "prompt") ?? ""] : readInput(input, complaints),
    ...compact({
      dimensions: complaints.integer(dimensions, "dimensions", { least: 1 }),
      extra: extra && { [protocol]: extra },
    }),
  };
  return complaints.result({ request, losses: [] });
}

/** Texts only: token ids are no input of Ollama's. */
function readInput(input: Json | undefined, complaints: Complaints): readonly string[] {
  if (input === undefined || input === null) return complaints.missing("input") ?? [];
  const texts = complaints.strings(input, "input") ?? [];
  if (texts.length === 0) complaints.add("Invalid 'input': expected at least one text.", "input");
  return texts;
}

/**
 * Writes a request for `/api/embed`, whatever form it came in: its vectors are the legacy ones scaled to length 1.
 * Token ids are written as they are, and refused by Ollama in its own words.
 */
export function writeRequest(request: CanonicalRequest, dialect: Dialect): WrittenRequest {
  if (request.operation !== "embed") throw new TypeError(`An embeddings request cannot ${request.operation}.`);
  const own = request.extra?.[protocol] ?? {};
  const [only] = request.inputs;
  const input: Json = request.inputs.length === 1 && typeof only === "string" ? only : request.inputs;
  const options = writeOptions({}, own);
  const window = windowOf({ input }, options, dialect);
  const body = {
    // Where the model's own window is the limit, an error is better than the vector of half a text.
    ...(window !== undefined && { truncate: false }),
    ...beside(own),
    model: request.model,
    input,
    ...compact({ dimensions: request.dimensions, options: window ?? unlessEmpty(options) }),
  } as JsonObject;
  const user = request.user === undefined ? [] : [{ field: "user", reason: "unsupported" as const }];
  return { body, losses: [...foreignLosses(request.extra, protocol, ""), ...user] };
}

/** The options with a window; undefined where nothing is to be added. */
function windowOf(body: JsonObject, options: JsonObject, dialect: Dialect): JsonObject | undefined {
  const fields: JsonObject = { ...body, options };
  const view = { field: (name: string) => fields[name], roles: new Set<string>(), contains: () => false };
  const [edit] = windowEdits(view, dialect);
  return edit?.kind === "set" ? plainObjectOf(edit.value) : undefined;
}

/** A legacy request is translated, for its path, its fields and its answer are other ones. */
export function passThrough(request: RequestView, dialect: Dialect): PassThrough | undefined {
  if (request.field("input") === undefined && request.field("prompt") !== undefined) return undefined;
  return { edits: windowEdits(request, dialect), tap: { dropUsageEvent: false } };
}
