import type { Loss } from "../../kernel/loss.ts";
import type { Protocol } from "../../kernel/protocol.ts";
import type { FilePart, ImagePart, Message } from "../../kernel/request.ts";
import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/** Protocols whose images may say how closely to look at them, and whose files may have names. */
const details: ReadonlySet<Protocol> = new Set(["openai-chat", "openai-responses"]);
const names: ReadonlySet<Protocol> = new Set(["openai-chat", "openai-responses", "anthropic-messages"]);

/** What protocols say of a picture or a document beside its content, that the model or its answer depends on. */
const said: { readonly [P in Protocol]?: readonly string[] } = {
  "anthropic-messages": ["context", "citations"],
  gemini: ["videoMetadata", "mediaResolution"],
};

/** Reports what a client says of pictures and documents that its target has no words for. */
export const partFields: Pass = (request, { protocol, client }) => {
  if (client === protocol) return unchanged(request);
  const losses = request.messages.flatMap((message, index) => lossesOf(message, index, protocol));
  return { request, losses };
};

const none: readonly Loss[] = [];

function lossesOf({ parts }: Message, index: number, protocol: Protocol): readonly Loss[] {
  let losses: Loss[] | undefined;
  for (const [place, part] of parts.entries()) {
    if (part.type !== "image" && part.type !== "file") continue;
    for (const field of unsaid(part, protocol)) {
      (losses ??= []).push({ field: `messages[${index}].parts[${place}].${field}`, reason: "unsupported" });
    }
  }
  return losses ?? none;
}

function* unsaid(part: ImagePart | FilePart, protocol: Protocol): Generator<string> {
  if (part.type === "image" && !details.has(protocol) && (part.detail ?? "auto") !== "auto") yield "detail";
  if (part.type === "file" && !names.has(protocol) && part.filename !== undefined) yield "filename";
  for (const [from, fields] of Object.entries(said) as [Protocol, readonly string[]][]) {
    const keep = from === protocol ? undefined : part.keep?.[from];
    if (keep !== undefined) yield* fields.filter((field) => (keep[field] ?? null) !== null);
  }
}
