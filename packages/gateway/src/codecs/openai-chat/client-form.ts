import type { PartHead } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Loss } from "../../kernel/loss.ts";
import { arrayOf, objectOf } from "../shared/json.ts";
import { writeDataUrl } from "../shared/media.ts";

/** The forms of chat that a client's own request shows, in which it wants its answer. */
export interface ClientForm {
  /** It speaks the form of 2023, with `functions` in place of `tools`. */
  readonly legacy: boolean;
  /**
   * Custom tools that it declares without the inner `custom` object, as Cursor does in Responses' manner. It wants
   * their calls as `function` with the free text for arguments, and crashes on others (codex-proxy#707).
   */
  readonly flat: ReadonlySet<string>;
}

export function clientForm(request: JsonObject): ClientForm {
  return { legacy: Array.isArray(request["functions"]), flat: flatCustomTools(request) };
}

/** The names of a request's flat custom tools. */
export function flatCustomTools(request: JsonObject): ReadonlySet<string> {
  const names = arrayOf(request["tools"]).flatMap((item) => {
    const tool = objectOf(item);
    const isFlat = tool?.["type"] === "custom" && objectOf(tool["custom"]) === undefined;
    return isFlat && typeof tool["name"] === "string" ? [tool["name"]] : [];
  });
  return new Set(names);
}

/** Under which kind a call is told to this client. */
export function calledAs(head: Extract<PartHead, { type: "tool-call" }>, form: ClientForm): "function" | "custom" {
  return form.legacy || form.flat.has(head.name) ? "function" : head.tool;
}

/** What a call cannot tell this client; `place` is its number among the calls. */
export function callLosses(
  head: Extract<PartHead, { type: "tool-call" }>,
  place: number,
  form: ClientForm,
): readonly Loss[] {
  if (!form.legacy) return [];
  // The legacy form has room for one call, of a function.
  if (place > 0) return [{ field: "tool-call", reason: "unsupported" }];
  return head.tool === "custom" ? [{ field: "tool-call.tool", reason: "approximated" }] : [];
}

/** An image of an answer, as OpenRouter tells them. */
export function writeImage(mediaType: string, base64: string): JsonObject {
  return { type: "image_url", image_url: { url: writeDataUrl({ mediaType, base64 }) } };
}

/**
 * Whether a body posted to chat has Responses' form, as that of Cursor's agent: `input` and no `messages`. Its answer
 * is to have chat's form all the same.
 */
export function isResponsesBody(body: JsonObject): boolean {
  return isGiven(body["input"]) && !isGiven(body["messages"]);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
