import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Message, Part, Role } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, textOf, unlessEmpty, without } from "../shared/json.ts";
import { OpenCalls } from "../shared/open-calls.ts";
import type { OpenCall } from "../shared/open-calls.ts";
import { readArguments } from "./arguments.ts";
import { camel } from "./names.ts";
import { innerRest, partState, readOutput, readOutputMedia, readPart } from "./parts-read.ts";

const roles: ReadonlyMap<string, Role> = new Map<string, Role>([
  ["user", "user"],
  ["model", "assistant"],
  ["assistant", "assistant"],
  // Where responses stood before they moved to the user's side.
  ["function", "user"],
  ["tool", "user"],
  ["system", "system"],
]);

/**
 * Reads `contents` in their order. Calls without an id get one from their place, the same on every replay. A response
 * without an id belongs to the first call of its name that has no response yet, and one without a name to the first
 * call at all.
 */
export class ContentsReader {
  readonly #complaints: Complaints;
  readonly #ids = new Set<string>();
  #open = new OpenCalls();
  /** Ids that responses of this content name: those calls are not for responses without one. */
  #claimed: ReadonlySet<Json | undefined> = new Set();
  #lastRole: Role | undefined;

  constructor(complaints: Complaints) {
    this.#complaints = complaints;
  }

  read(value: Json, index: number): Message | undefined {
    const path = `contents[${index}]`;
    const given = this.#complaints.requiredObject(value, path);
    if (given === undefined) return undefined;
    const content = camel(given);
    const word = this.#complaints.string(content["role"], `${path}.role`) || "user";
    const role = roles.get(word);
    if (role === undefined) return this.#complaints.wrongValue(`${path}.role`, word, ["user", "model"]);
    // A turn of the model's that follows an answer begins anew: what it did not get by now never comes.
    if (role === "assistant" && this.#lastRole !== "assistant") this.#open = new OpenCalls();
    this.#lastRole = role;
    const parts = this.#parts(content["parts"], `${path}.parts`, index);
    const rest = unlessEmpty(without(content, new Set(["role", "parts"])));
    const answersOnly = role === "user" && parts.length > 0 && parts.every((part) => part.type === "tool-result");
    return {
      role: answersOnly ? "tool" : role,
      parts,
      ...(rest && { extra: { gemini: rest } }),
    };
  }

  #parts(value: Json | undefined, path: string, index: number): Part[] {
    const list = objectOf(value) === undefined ? this.#complaints.array(value, path) : [value ?? null];
    this.#claimed = new Set((list ?? []).map((item) => idOfResponse(item)));
    return (list ?? []).flatMap((item, place) => {
      const given = this.#complaints.requiredObject(item, `${path}[${place}]`);
      if (given === undefined) return [];
      const part = camel(given);
      const at = { path: `${path}[${place}]`, fallback: `call_${index}_${place}` };
      const [call, response] = [objectOf(part["functionCall"]), objectOf(part["functionResponse"])];
      if (call !== undefined) return this.#call(part, camel(call), at);
      if (response !== undefined) return this.#response(part, camel(response), at);
      return readPart(part, at.path, this.#complaints) ?? [];
    });
  }

  #call(part: JsonObject, call: JsonObject, at: { readonly path: string; readonly fallback: string }): Part[] {
    const name = this.#complaints.requiredString(call["name"], `${at.path}.functionCall.name`);
    if (name === undefined) return [];
    const id = textOf(call["id"]) ?? this.#unusedId(at.fallback);
    this.#ids.add(id);
    this.#open.add({ id, name });
    const state = partState(part, innerRest("functionCall", call, ["id", "name", "args"]));
    return [{ type: "tool-call", id, name, arguments: readArguments(call["args"]), tool: "function", ...state }];
  }

  #response(part: JsonObject, given: JsonObject, at: { readonly path: string; readonly fallback: string }): Part[] {
    const call = this.#answered(textOf(given["id"]), textOf(given["name"]));
    const output = readOutput(given["response"]);
    const media = readOutputMedia(given["parts"], { path: at.path, complaints: this.#complaints });
    const rest = innerRest("functionResponse", given, ["id", "name", "response", "parts"]);
    const marks = { ...output.marks, ...(media.length > 0 && { parts: true }), ...rest };
    const content: Part[] = output.text === "" ? [...media] : [{ type: "text", text: output.text }, ...media];
    return [
      {
        type: "tool-result",
        id: call?.id ?? textOf(given["id"]) ?? this.#unusedId(at.fallback),
        ...compact({ name: textOf(given["name"]) ?? call?.name }),
        content,
        ...(output.isError && { isError: true }),
        ...partState(part, marks),
      },
    ];
  }

  /** The call that a response belongs to, which is then no longer open. */
  #answered(id: string | undefined, name: string | undefined): OpenCall | undefined {
    const named = id === undefined ? undefined : this.#open.takeById(id);
    // An id of the client's own making, for a call that came without one.
    return named ?? this.#open.takeFirst(name, this.#claimed);
  }

  #unusedId(wanted: string): string {
    let id = wanted;
    while (this.#ids.has(id)) id += "_";
    return id;
  }
}

function idOfResponse(part: Json): Json | undefined {
  const given = objectOf(part);
  return objectOf(given?.["functionResponse"] ?? given?.["function_response"])?.["id"];
}
