import type { Clock } from "../kernel/clock.ts";
import type { Protocol } from "../kernel/protocol.ts";

/** How long it is remembered that an endpoint has no route for a protocol; milliseconds. A server may be updated. */
const memory = 600_000;

const nothing: ReadonlySet<Protocol> = new Set();

/** Which protocols endpoints turned out not to serve, although their vendors usually do. */
export class Unserved {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #known = new Map<string, { readonly protocols: ReadonlySet<Protocol>; readonly until: number }>();

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

  /**
   * Notes what an endpoint has no route for. To be called when it has answered in another protocol: one that answers
   * 404 to everything is wrongly set up for now, and one that answers it to one model has not lost its routes.
   */
  note(endpoint: string, protocols: ReadonlySet<Protocol>): void {
    const all = new Set([...this.of(endpoint), ...protocols]);
    this.#known.set(endpoint, { protocols: all, until: this.#clock.monotonic() + memory });
  }
}
