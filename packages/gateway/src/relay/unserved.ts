import type { Clock } from "../kernel/clock.ts";
import { operations } from "../kernel/protocol.ts";
import type { Protocol } from "../kernel/protocol.ts";

/** How long it is remembered that an endpoint has no route for a protocol; milliseconds. A server may be updated. */
const memory = 600_000;

const nothing: ReadonlySet<Protocol> = new Set();

/** Which protocols endpoints turned out not to serve, although their vendors usually do. */
export class Unserved {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #known = new Map<string, { readonly protocols: Set<Protocol>; readonly until: number }>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  of(endpoint: string): ReadonlySet<Protocol> {
    if (this.#known.size === 0) return nothing;
    const known = this.#known.get(endpoint);
    if (known === undefined) return nothing;
    if (known.until > this.#clock.monotonic()) return known.protocols;
    this.#known.delete(endpoint);
    return nothing;
  }

  /** Notes what an endpoint has no route for. Returns whether it has another protocol that may do. */
  note(endpoint: string, protocol: Protocol, serves: readonly Protocol[]): boolean {
    const protocols = new Set([...this.of(endpoint), protocol]);
    const others = serves.some((each) => operations[each] === operations[protocol] && !protocols.has(each));
    // A server that answers 404 to everything is wrongly set up for now, and has not lost all its protocols.
    if (!others) this.#known.delete(endpoint);
    else this.#known.set(endpoint, { protocols, until: this.#clock.monotonic() + memory });
    return others;
  }
}
