import type { Json, JsonObject } from "../../kernel/json.ts";
import { objectOf, without } from "../shared/json.ts";
import type { GenerationProtocol } from "./load.ts";

/** What a line says of the answer, wherever the protocol puts it. */
export interface Said {
  readonly text: Json | undefined;
  readonly thinking: Json | undefined;
  readonly calls: Json | undefined;
  readonly images: Json | undefined;
  /** Fields beside these, where they have a place of their own. */
  readonly rest: JsonObject;
}

/** What a line is to say. */
export interface Saying {
  readonly text?: string;
  readonly thinking?: string;
  readonly calls?: readonly JsonObject[];
  readonly images?: readonly string[];
  readonly rest?: JsonObject;
}

/** Where the lines of `/api/chat` and of `/api/generate` have what they say: they differ in nothing else. */
export interface Form {
  readonly protocol: GenerationProtocol;
  /** Fields of a line that are read, beside those that both have. */
  readonly fields: readonly string[];
  /** Undefined for a line that has no place for an answer. */
  read(line: JsonObject): Said | undefined;
  /** Every line needs its text, even where it is empty: clients check. */
  write(saying: Saying): JsonObject;
}

const messageFields = new Set(["role", "content", "thinking", "tool_calls", "images"]);

export const chatForm: Form = {
  protocol: "ollama",
  fields: ["message"],
  read(line) {
    const message = objectOf(line["message"]);
    return (
      message && {
        text: message["content"],
        thinking: message["thinking"],
        calls: message["tool_calls"],
        images: message["images"],
        rest: without(message, messageFields),
      }
    );
  },
  write: (saying) => ({
    message: { ...saying.rest, role: "assistant", content: saying.text ?? "", ...others(saying) },
  }),
};

export const generateForm: Form = {
  protocol: "ollama-generate",
  fields: ["response", "thinking", "tool_calls", "images"],
  read: (line) =>
    line["response"] === undefined && line["thinking"] === undefined
      ? undefined
      : {
          text: line["response"],
          thinking: line["thinking"],
          calls: line["tool_calls"],
          images: line["images"],
          rest: {},
        },
  write: (saying) => ({ response: saying.text ?? "", ...others(saying) }),
};

function others({ thinking, calls, images }: Saying): JsonObject {
  return {
    ...(thinking !== undefined && { thinking }),
    ...(images !== undefined && { images }),
    ...(calls !== undefined && { tool_calls: calls }),
  };
}
