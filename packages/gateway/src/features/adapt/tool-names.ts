import type { GenerationRequest, Message, Part, ToolChoice } from "../../kernel/request.ts";
import { fitAll } from "./fit.ts";
import { mapParts, RenamedCalls, unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/**
 * Gives tools names that the target takes, wherever they stand, and calls in the answer their own names. What a name
 * becomes depends on nothing but the name, so that later history says the same; only where two would become one do
 * the other names of the request matter.
 */
export const toolNames: Pass = (request, { accepts }) => {
  const changed = fitAll(namesOf(request), accepts.toolName, "tool");
  if (changed.size === 0) return unchanged(request);
  const rename = (name: string) => changed.get(name) ?? name;
  const originals = new Map([...changed].map(([name, short]) => [short, name]));
  return {
    request: renamed(request, rename),
    losses: [],
    answer: new RenamedCalls((head) => {
      const name = originals.get(head.name);
      return name === undefined ? head : { ...head, name };
    }),
  };
};

function namesOf({ tools, toolChoice, messages }: GenerationRequest): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { name } of tools) names.add(name);
  if (toolChoice?.type === "tool") names.add(toolChoice.name);
  for (const { role, name, parts } of messages) {
    // Chat's messages of tools bear the tool's name.
    if (role === "tool" && name !== undefined) names.add(name);
    for (const part of parts) {
      const called = part.type === "tool-call" || part.type === "tool-result" ? part.name : undefined;
      if (called !== undefined) names.add(called);
    }
  }
  return names;
}

function renamed(request: GenerationRequest, rename: (name: string) => string): GenerationRequest {
  const { tools, toolChoice } = request;
  const messages = mapParts(request.messages, (part) => renamedPart(part, rename));
  return {
    ...request,
    tools: tools.map((tool) => ({ ...tool, name: rename(tool.name) })),
    ...(toolChoice && { toolChoice: renamedChoice(toolChoice, rename) }),
    messages: messages.map((message) => renamedMessage(message, rename)),
  };
}

function renamedChoice(choice: ToolChoice, rename: (name: string) => string): ToolChoice {
  return choice.type === "tool" ? { ...choice, name: rename(choice.name) } : choice;
}

function renamedMessage(message: Message, rename: (name: string) => string): Message {
  return message.role === "tool" && message.name !== undefined ? { ...message, name: rename(message.name) } : message;
}

function renamedPart(part: Part, rename: (name: string) => string): Part {
  if (part.type !== "tool-call" && part.type !== "tool-result") return part;
  const { name } = part;
  const next = name === undefined ? undefined : rename(name);
  return next === undefined || next === name ? part : { ...part, name: next };
}
