/** A tool call that waits for its answer. */
export interface OpenCall {
  readonly id: string;
  readonly name: string;
}

/** In the order in which they came; those that were answered are passed over. */
interface Line {
  readonly calls: OpenCall[];
  /** All before it are answered. */
  first: number;
  /** All before `next` are answered, or among `claimed`. */
  claimed: ReadonlySet<unknown> | undefined;
  next: number;
}

const nothing: ReadonlySet<unknown> = new Set();

/**
 * The calls of a turn that were not answered yet, found by id or by name. Each look goes on where the last one ended,
 * for a turn may hold hundreds of thousands.
 */
export class OpenCalls {
  readonly #all: Line = newLine();
  readonly #byName = new Map<string, Line>();
  readonly #byId = new Map<string, Line>();
  readonly #answered = new Set<OpenCall>();

  add(call: OpenCall): void {
    this.#all.calls.push(call);
    push(this.#byName, call.name, call);
    push(this.#byId, call.id, call);
  }

  /** Takes the first one of this id. */
  takeById(id: string): OpenCall | undefined {
    return this.#take(this.#byId.get(id), nothing);
  }

  /** Takes the first one of this name, or of any, whose id is not `claimed`. */
  takeFirst(name: string | undefined, claimed: ReadonlySet<unknown> = nothing): OpenCall | undefined {
    return this.#take(name === undefined ? this.#all : this.#byName.get(name), claimed);
  }

  #take(line: Line | undefined, claimed: ReadonlySet<unknown>): OpenCall | undefined {
    if (line === undefined) return undefined;
    while (this.#isAnswered(line.calls[line.first])) line.first++;
    if (line.claimed !== claimed || line.next < line.first) [line.claimed, line.next] = [claimed, line.first];
    for (; line.next < line.calls.length; line.next++) {
      const call = line.calls[line.next];
      if (call === undefined || this.#isAnswered(call) || claimed.has(call.id)) continue;
      this.#answered.add(call);
      return call;
    }
    return undefined;
  }

  #isAnswered(call: OpenCall | undefined): boolean {
    return call !== undefined && this.#answered.has(call);
  }
}

function newLine(): Line {
  return { calls: [], first: 0, claimed: undefined, next: 0 };
}

function push(lines: Map<string, Line>, name: string, call: OpenCall): void {
  const line = lines.get(name) ?? newLine();
  line.calls.push(call);
  lines.set(name, line);
}
