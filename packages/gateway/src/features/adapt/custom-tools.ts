import type { AnswerEvent } from "../../kernel/event.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { Extra, GenerationRequest, Part, Tool } from "../../kernel/request.ts";
import { objectOf, textOf, unlessEmpty, without } from "../../codecs/shared/json.ts";
import { mapParts, unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";
import { inputName, wrapInput, WrappedInput } from "./wrapped-input.ts";

/**
 * Tools that take free text become functions with one string, and so do their calls in history. Calls of them in the
 * answer become calls with free text again.
 */
export const customTools: Pass = (request, { accepts, protocol }) => {
  if (accepts.customTools) return unchanged(request);
  const names = new Set(request.tools.flatMap(({ tool, name }) => (tool === "custom" ? [name] : [])));
  const messages = mapParts(request.messages, (part) => wrappedPart(part, protocol));
  const choice = request.toolChoice;
  const isChosen = choice?.type === "tool" && choice.tool === "custom";
  if (names.size === 0 && messages === request.messages && !isChosen) return unchanged(request);
  const wrapped: GenerationRequest = {
    ...request,
    tools: request.tools.map((tool) => (tool.tool === "custom" ? wrappedTool(tool, protocol) : tool)),
    ...(isChosen && { toolChoice: { ...choice, tool: "function" } }),
    messages,
  };
  return {
    request: wrapped,
    losses: request.tools.flatMap(formatLoss),
    ...(names.size > 0 && { answer: new UnwrappedCalls(names) }),
  };
};

/** A grammar is told to the model, and no longer enforced. */
function formatLoss({ tool, format }: Tool, index: number): Loss[] {
  const isFree = tool !== "custom" || format === undefined || format["type"] === "text";
  return isFree ? [] : [{ field: `tools[${index}].format`, reason: "approximated" }];
}

function wrappedTool(tool: Tool, protocol: Protocol): Tool {
  const { name, description, format, extra } = tool;
  const rule = ruleOf(format);
  return {
    tool: "function",
    name,
    ...compact({
      description: [description, rule].filter((text) => text !== undefined && text !== "").join("\n\n") || undefined,
      extra: withoutCustom(extra, protocol),
    }),
    parameters: {
      type: "object",
      properties: { [inputName]: { type: "string", description: "The whole input of the tool, as free text." } },
      required: [inputName],
      additionalProperties: false,
    },
  };
}

/** What a format asks of the text, in words. Both of OpenAI's forms are read: chat has the grammar one level deeper. */
function ruleOf(format: JsonObject | undefined): string | undefined {
  if (format === undefined || format["type"] === "text") return undefined;
  const { syntax, definition } = objectOf(format["grammar"]) ?? format;
  const text = textOf(definition);
  if (text === undefined) return `The input must have this format: ${JSON.stringify(format)}`;
  return `The input must match this ${textOf(syntax) ?? "grammar"}${syntax === "lark" ? " grammar" : ""}:\n${text}`;
}

function wrappedPart(part: Part, protocol: Protocol): Part {
  if (part.type !== "tool-call" || part.tool !== "custom") return part;
  const { keep, ...rest } = part;
  const kept = withoutCustom(keep, protocol);
  return { ...rest, tool: "function", arguments: wrapInput(part.arguments), ...(kept && { keep: kept }) };
}

/** What a protocol keeps of a custom tool or call as such has no place in a function. */
function withoutCustom(extra: Extra | undefined, protocol: Protocol): Extra | undefined {
  const own = extra?.[protocol];
  if (own === undefined || !Object.hasOwn(own, "custom")) return extra;
  const rest: Json | undefined = unlessEmpty(without(own, new Set(["custom"])));
  const others = Object.entries(extra ?? {}).filter(([name]) => name !== protocol);
  const entries = rest === undefined ? others : [...others, [protocol, rest] as const];
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Calls of wrapped tools, with their text as it grows. */
class UnwrappedCalls implements Machine<AnswerEvent, AnswerEvent> {
  readonly #names: ReadonlySet<string>;
  readonly #inputs = new Map<string, WrappedInput>();

  constructor(names: ReadonlySet<string>) {
    this.#names = names;
  }

  push(event: AnswerEvent): readonly AnswerEvent[] {
    switch (event.type) {
      case "part-start": {
        const { head } = event;
        if (head.type !== "tool-call" || head.tool !== "function" || !this.#names.has(head.name)) return [event];
        this.#inputs.set(keyOf(event), new WrappedInput());
        return [{ ...event, head: { ...head, tool: "custom" } }];
      }
      case "part-delta": {
        const input = this.#inputs.get(keyOf(event));
        if (input === undefined) return [event];
        const text = input.push(event.text);
        return text === "" && event.logprobs === undefined ? [] : [{ ...event, text }];
      }
      case "part-end": {
        const { candidate, part } = event;
        const text = this.#inputs.get(keyOf(event))?.end() ?? "";
        this.#inputs.delete(keyOf(event));
        return text === "" ? [event] : [{ type: "part-delta", candidate, part, text }, event];
      }
      default:
        return [event];
    }
  }

  end(): readonly AnswerEvent[] {
    return [];
  }
}

function keyOf({ candidate, part }: { readonly candidate: number; readonly part: number }): string {
  return `${candidate} ${part}`;
}
