import type { JsonObject } from "../../../src/kernel/json.ts";
import { isObject, listOf, must, pieces } from "./scene.ts";
import type { Answer, Seen, SeenCall, SeenTurn, VendorProtocol } from "./scene.ts";

const signature = "EqoBCqcBAdHtim9uZSBzaWduYXR1cmU=";
/** Google's documented word for calls that came from elsewhere. */
const dummy = "skip_thought_signature_validator";

function readContent(content: JsonObject): SeenTurn {
  const role = content["role"] === "model" ? "assistant" : "user";
  must(content["role"] === "model" || content["role"] === "user", "Please use a valid role: user, model.");
  const parts = listOf(content["parts"]);
  must(parts.length > 0, "contents.parts must not be empty.");
  let text = "";
  let reasoning = "";
  const state: string[] = [];
  const images: string[] = [];
  const calls: SeenCall[] = [];
  const results: { id: string; text: string }[] = [];
  for (const part of parts) {
    const { functionCall, functionResponse, inlineData } = part;
    if (typeof part["thoughtSignature"] === "string") state.push(part["thoughtSignature"]);
    if (isObject(functionCall)) {
      must(role === "assistant", "function call must be in a model turn");
      const first = calls.length === 0;
      must(
        !first || part["thoughtSignature"] === signature || part["thoughtSignature"] === dummy,
        `Function call \`${String(functionCall["name"])}\` is missing a thought_signature.`,
      );
      must(/^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$/.test(String(functionCall["name"])), "Invalid function name.");
      const id = typeof functionCall["id"] === "string" ? functionCall["id"] : "";
      calls.push({ id, name: String(functionCall["name"]), arguments: JSON.stringify(functionCall["args"] ?? {}) });
    } else if (isObject(functionResponse)) {
      must(isObject(functionResponse["response"]), "function_response.response must be an object.");
      must(typeof functionResponse["name"] === "string" && functionResponse["name"] !== "", "Name cannot be empty.");
      results.push({ id: functionResponse["name"], text: JSON.stringify(functionResponse["response"]) });
    } else if (isObject(inlineData)) images.push(String(inlineData["data"]));
    else if (typeof part["text"] === "string") {
      if (part["thought"] === true) reasoning += part["text"];
      else text += part["text"];
    } else must(typeof part["thoughtSignature"] === "string", "Unable to submit request: a part has no data.");
  }
  return { role, text, reasoning, state, images, calls, results };
}

/** What the schema of a function may hold (the OpenAPI subset). */
const schemaWords = new Set(
  "type format title description nullable enum items maxItems minItems properties required minProperties maxProperties minLength maxLength pattern example anyOf propertyOrdering default minimum maximum".split(
    " ",
  ),
);

function checkSchema(schema: JsonObject): void {
  for (const name of Object.keys(schema)) must(schemaWords.has(name), `Invalid JSON payload: Unknown name "${name}".`);
  const { properties, items } = schema;
  if (isObject(properties)) for (const inner of Object.values(properties)) if (isObject(inner)) checkSchema(inner);
  if (isObject(items)) checkSchema(items);
  for (const inner of listOf(schema["anyOf"])) checkSchema(inner);
}

const known = new Set(
  "contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels serviceTier".split(
    " ",
  ),
);

function read(path: string, body: JsonObject, headers: Seen["headers"]): Seen | undefined {
  const match = /^\/models\/([^:]+):(generateContent|streamGenerateContent)(\?alt=sse)?$/.exec(path);
  if (match === null) return undefined;
  for (const name of Object.keys(body)) must(known.has(name), `Invalid JSON payload received. Unknown name "${name}".`);
  const turns = listOf(body["contents"]).map(readContent);
  must(turns.length > 0, "contents is not specified");
  for (const [index, turn] of turns.entries()) {
    const answers = turns[index + 1]?.results.length ?? 0;
    must(
      turn.calls.length === answers || (index === turns.length - 1 && turn.calls.length > 0),
      "Please ensure that the number of function response parts is equal to the number of function call parts.",
    );
  }
  const tools = listOf(body["tools"]).flatMap((tool) =>
    listOf(tool["functionDeclarations"]).map((declaration) => {
      const { parameters, parametersJsonSchema } = declaration;
      must(parameters === undefined || parametersJsonSchema === undefined, "Only one of parameters may be set.");
      if (isObject(parameters)) checkSchema(parameters);
      const schema = isObject(parameters) ? parameters : isObject(parametersJsonSchema) ? parametersJsonSchema : {};
      return { name: String(declaration["name"]), schema };
    }),
  );
  const config = isObject(body["generationConfig"]) ? body["generationConfig"] : {};
  const thinking = config["thinkingConfig"];
  const schema = config["responseJsonSchema"] ?? config["responseSchema"];
  if (isObject(config["responseSchema"])) checkSchema(config["responseSchema"]);
  const system = isObject(body["systemInstruction"]) ? listOf(body["systemInstruction"]["parts"]) : [];
  return {
    model: decodeURIComponent(match[1] ?? ""),
    stream: match[2] === "streamGenerateContent",
    system: system.map((part) => String(part["text"])).join("\n"),
    turns,
    tools,
    ...(config["responseMimeType"] === "application/json" ? { output: isObject(schema) ? schema : {} } : {}),
    ...(isObject(thinking) ? { reasoning: thinking["thinkingBudget"] !== 0 } : {}),
    body,
    headers,
  };
}

function partsOf(answer: Answer): {
  readonly thoughts: JsonObject[];
  readonly texts: JsonObject[];
  readonly calls: JsonObject[];
} {
  return {
    thoughts: pieces(answer.reasoning ?? "").map((text) => ({ text, thought: true })),
    texts: pieces(answer.text ?? "").map((text) => ({ text })),
    calls: (answer.calls ?? []).map((call, index) => {
      const args = JSON.parse(call.arguments) as JsonObject;
      const functionCall = { name: call.name, ...(Object.keys(args).length === 0 ? {} : { args }) };
      return index === 0 ? { functionCall, thoughtSignature: signature } : { functionCall };
    }),
  };
}

function usageOf({ usage, reasoning }: Answer): JsonObject {
  if (usage === undefined) return {};
  const thoughts = reasoning === undefined ? 0 : 1;
  return {
    usageMetadata: {
      promptTokenCount: usage.input,
      candidatesTokenCount: usage.output - thoughts,
      ...(thoughts === 0 ? {} : { thoughtsTokenCount: thoughts }),
      ...(usage.cached === undefined ? {} : { cachedContentTokenCount: usage.cached }),
      totalTokenCount: usage.input + usage.output,
    },
  };
}

function candidate(parts: readonly JsonObject[], finish?: string): JsonObject {
  const content = { role: "model", parts };
  return { candidates: [{ content, index: 0, ...(finish === undefined ? {} : { finishReason: finish }) }] };
}

export const gemini: VendorProtocol = {
  read,
  key: "x-goog-api-key",
  streamType: "text/event-stream",
  stream(answer, seen, id) {
    const base = { modelVersion: seen.model, responseId: `resp${id}` };
    const event = (value: object) => `data: ${JSON.stringify({ ...value, ...base })}\r\n\r\n`;
    const { thoughts, texts, calls } = partsOf(answer);
    const singles = [...thoughts, ...texts].map((part) => event(candidate([part])));
    const finish = answer.finish === "length" ? "MAX_TOKENS" : "STOP";
    const last = { ...candidate(calls.length === 0 ? [{ text: "" }] : [], finish), ...usageOf(answer) };
    return [...singles, ...(calls.length === 0 ? [] : [event(candidate(calls))]), event(last)];
  },
  whole(answer, seen, id) {
    const { thoughts, texts, calls } = partsOf(answer);
    const finish = answer.finish === "length" ? "MAX_TOKENS" : "STOP";
    const body = candidate([...thoughts, ...texts, ...calls], finish);
    return { ...body, ...usageOf(answer), modelVersion: seen.model, responseId: `resp${id}` };
  },
  error(status, kind, message) {
    const words: { readonly [kind: string]: string } = {
      auth: "UNAUTHENTICATED",
      rate: "RESOURCE_EXHAUSTED",
      server: "INTERNAL",
      overloaded: "UNAVAILABLE",
      missing: "NOT_FOUND",
    };
    const retry = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "30s" };
    const details = kind === "rate" ? { details: [retry] } : {};
    return { error: { code: status, message, status: words[kind] ?? "INVALID_ARGUMENT", ...details } };
  },
  models: { models: [{ name: "models/real", displayName: "Real", inputTokenLimit: 1000, outputTokenLimit: 100 }] },
};
