import type { Asked, DecodedRequest } from "../../kernel/codec.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { GenerationRequest, Message, Part } from "../../kernel/request.ts";
import type { Result } from "../../kernel/result.ts";
import { Complaints } from "../shared/complaints.ts";
import { arrayOf, objectOf, unlessEmpty } from "../shared/json.ts";
import { ContentsReader } from "./contents-read.ts";
import { readGeneration } from "./generation-read.ts";
import { camel } from "./names.ts";
import { readPart } from "./parts-read.ts";
import { readToolConfig, readTools } from "./tools-read.ts";

/**
 * Reads a generateContent request, whose model and mode are in its path. What has no canonical word is kept in
 * `extra.gemini`: Google's own tools under `tools`, the rest of `toolConfig` and `generationConfig` under these names,
 * and every other field under its own.
 *
 * Reading and writing again gives an equal request but for these: names are in camelCase, null is the same as absent,
 * functions stand in one tool, their schemas are JSON Schema, calls have ids, an empty name of a response is filled in,
 * and contents of one role that follow each other are one.
 */
export function readRequest(body: JsonObject, asked: Asked): Result<DecodedRequest> {
  const complaints = new Complaints();
  const request = readBody(camel(body), asked, complaints);
  return complaints.result({ request, losses: [] });
}

function readBody(body: JsonObject, asked: Asked, complaints: Complaints): GenerationRequest {
  const { model: _, stream: __, contents, systemInstruction, tools, toolConfig, generationConfig, ...others } = body;
  const system = readSystem(systemInstruction, complaints);
  const read = readTools(tools, complaints);
  const config = readToolConfig(toolConfig, complaints);
  const generation = readGeneration(generationConfig, complaints);
  const extra = unlessEmpty({
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => value !== null)),
    ...(read.hosted.length > 0 && { tools: read.hosted }),
    ...(config.rest && { toolConfig: config.rest }),
    ...(generation.rest && { generationConfig: generation.rest }),
  });
  return {
    operation: "generate",
    model: asked.model,
    messages: [...system, ...readContents(contents, complaints)],
    tools: read.tools,
    sampling: generation.sampling,
    stream: asked.stream,
    ...generation.request,
    ...compact({ toolChoice: config.choice, extra: extra && { gemini: extra } }),
  };
}

/** A content, of which only the parts mean something, or a text. */
function readSystem(value: Json | undefined, complaints: Complaints): readonly Message[] {
  if (typeof value === "string") return [{ role: "system", parts: [{ type: "text", text: value }] }];
  const given = complaints.object(value, "systemInstruction");
  if (given === undefined) return [];
  const inside = camel(given)["parts"] ?? given;
  const list = Array.isArray(inside) ? arrayOf(inside) : [inside];
  const parts = list.flatMap((item, place): Part[] => {
    const path = `systemInstruction.parts[${place}]`;
    if (typeof item === "string") return [{ type: "text", text: item }];
    const part = complaints.object(item, path);
    const done = part && readPart(camel(part), path, complaints);
    return done === undefined ? [] : [done];
  });
  return parts.length === 0 ? [] : [{ role: "system", parts }];
}

function readContents(value: Json | undefined, complaints: Complaints): readonly Message[] {
  if (value === undefined || value === null) return complaints.missing("contents") ?? [];
  // Some clients send the only content bare, or its text.
  const bare = typeof value === "string" ? { parts: [{ text: value }] } : objectOf(value);
  const list = bare === undefined ? (complaints.array(value, "contents") ?? []) : [bare];
  if (list.length === 0) complaints.add("Invalid 'contents': contents are not specified.", "contents");
  const reader = new ContentsReader(complaints);
  return list.flatMap((content, index) => reader.read(content, index) ?? []);
}
