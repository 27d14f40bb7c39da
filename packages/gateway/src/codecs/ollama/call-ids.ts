import type { Json } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { OpenCalls } from "../shared/open-calls.ts";

/**
 * Ties the answers of tools to calls. Ollama's ids are optional on both sides: a call without one gets one from its
 * place, the same whenever the conversation is sent again, and an answer without one belongs to the first call of its
 * name that has none yet.
 */
export class CallIds {
  /** Ids that the client gave, which none of ours may be. */
  readonly #taken: ReadonlySet<string>;
  readonly #names = new Map<string, string>();
  /** Calls of the latest turn that were not answered yet. */
  #open = new OpenCalls();

  constructor(messages: readonly Json[]) {
    this.#taken = new Set(messages.flatMap(givenIds));
  }

  /** A turn with calls begins: nobody answers those of an earlier one without naming their id. */
  begin(): void {
    this.#open = new OpenCalls();
  }

  call(given: string | undefined, name: string, place: readonly [message: number, call: number]): string {
    const id = given ?? this.#free(`call_${place[0]}_${place[1]}`);
    this.#names.set(id, name);
    this.#open.add({ id, name });
    return id;
  }

  /** The call that an answer belongs to. One that belongs to none keeps what it says of itself. */
  answer(
    given: string | undefined,
    name: string | undefined,
    message: number,
  ): { readonly id: string; readonly name: string | undefined } {
    if (given !== undefined) {
      while (this.#open.takeById(given) !== undefined) continue;
      return { id: given, name: name ?? this.#names.get(given) };
    }
    return this.#open.takeFirst(name) ?? { id: this.#free(`call_${message}_answer`), name };
  }

  #free(wanted: string): string {
    let id = wanted;
    while (this.#taken.has(id)) id += "_";
    return id;
  }
}

function givenIds(message: Json): string[] {
  const entry = objectOf(message);
  const ids = [entry?.["tool_call_id"], ...arrayOf(entry?.["tool_calls"]).map((call) => objectOf(call)?.["id"])];
  return ids.flatMap((id) => textOf(id) ?? []);
}
