import type { GenerationRequest, Message, Part } from "../../src/kernel/request.ts";
import { parseExact } from "../../src/codecs/shared/exact.ts";

/** What a request means, without what only the shape of a protocol makes of it. */
export interface Essence {
  readonly [aspect: string]: unknown;
}

interface Turn {
  readonly role: string;
  text: string;
  readonly reasoning: string[];
  readonly images: string[];
  readonly calls: string[];
  readonly results: string[];
}

/**
 * The meaning of a request, each aspect by its own: neighbours of one role are one turn, calls and their results are
 * told by the number of the call instead of its id.
 */
export function essenceOf(request: GenerationRequest): Essence {
  const first = request.messages.findIndex(({ role }) => role !== "system");
  const leading = first < 0 ? request.messages : request.messages.slice(0, first);
  const { sampling, output, toolChoice } = request;
  const turns = turnsOf(first < 0 ? [] : request.messages.slice(first));
  return {
    system: leading
      .flatMap(({ parts }) => parts.map((part) => (part.type === "text" ? part.text : part.type)))
      .join("\n\n"),
    talk: turns.map(({ role, text }) => ({ role, text })),
    calls: turns.map(({ calls, results }) => ({ calls, results })),
    images: turns.map(({ images }) => images),
    // Tools that must not be used are none.
    tools: (toolChoice?.type === "none" ? [] : request.tools).map(({ tool, name, description, parameters }) => ({
      tool,
      name,
      description,
      parameters,
    })),
    toolChoice: choiceOf(request),
    parallelToolCalls: toolChoice?.type === "none" || (request.parallelToolCalls ?? true),
    maxOutputTokens: request.maxOutputTokens,
    candidates: request.candidates ?? 1,
    output: output?.type === "json-schema" ? output.schema : (output?.type ?? "text"),
    temperature: sampling.temperature,
    topP: sampling.topP,
    topK: sampling.topK,
    seed: sampling.seed,
    stop: sampling.stop ?? [],
    frequencyPenalty: sampling.frequencyPenalty ?? 0,
    presencePenalty: sampling.presencePenalty ?? 0,
    logprobs: sampling.logprobs === true ? [sampling.topLogprobs ?? 0] : [],
    user: request.user,
    verbosity: request.verbosity,
    stream: request.stream,
  };
}

function choiceOf({ toolChoice }: GenerationRequest): string {
  if (toolChoice?.type === "tool") return `tool ${toolChoice.name}`;
  return toolChoice === undefined || toolChoice.type === "none" ? "auto" : toolChoice.type;
}

function turnsOf(messages: readonly Message[]): readonly Turn[] {
  const turns: Turn[] = [];
  const open = new Map<string, number>();
  let calls = 0;
  for (const { role: word, parts } of messages) {
    const role = word === "tool" ? "user" : word;
    let turn = turns.at(-1);
    if (turn?.role !== role) turns.push((turn = { role, text: "", reasoning: [], images: [], calls: [], results: [] }));
    for (const part of parts) {
      if (part.type === "text") turn.text += part.text;
      else if (part.type === "reasoning") turn.reasoning.push(part.text);
      else if (part.type === "image") turn.images.push(imageOf(part));
      else if (part.type === "tool-call") {
        open.set(part.id, calls);
        turn.calls.push(`${calls++} ${part.name} ${JSON.stringify(parseExact(part.arguments))}`);
      } else if (part.type === "tool-result") {
        const text = part.content.map((each) => (each.type === "text" ? each.text : each.type)).join("");
        turn.results.push(`${open.get(part.id)} ${text}`);
      } else turn.text += `<${part.type}>`;
    }
  }
  return turns;
}

function imageOf(part: Extract<Part, { readonly type: "image" }>): string {
  const { source } = part;
  return source.kind === "data" ? `${source.mediaType} ${source.base64}` : JSON.stringify(source);
}
