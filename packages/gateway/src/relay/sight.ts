import type { Backend } from "../backends/types.ts";
import type { Codec } from "../kernel/codec.ts";
import { operations } from "../kernel/protocol.ts";
import type { Protocol } from "../kernel/protocol.ts";
import type { VirtualModel } from "../routing/types.ts";

/**
 * How much of the traffic the gateway understands: `relay` passes bytes unread, `tap` passes them and reads along,
 * `translate` decodes and encodes again.
 */
export type Sight = "relay" | "tap" | "translate";

export interface SightChoice {
  readonly sight: Sight;
  /** The protocol spoken with the backend; absent for a backend that yields events itself. */
  readonly codec?: Codec;
}

/**
 * The least sight with which this client can be served by this backend, as the model allows; undefined when the
 * backend cannot serve it at all. Features will raise the level here, by what each declares.
 */
export function chooseSight(
  client: Codec,
  backend: Pick<Backend, "kind"> & { readonly serves?: readonly Protocol[] },
  choice: {
    readonly relay: VirtualModel["relay"];
    readonly codecs: ReadonlyMap<Protocol, Codec>;
    /** What this backend is not to be asked in. */
    readonly avoided?: ReadonlySet<Protocol>;
  },
): SightChoice | undefined {
  if (backend.kind === "events") return { sight: "translate" };
  const all = backend.serves ?? [];
  const { avoided } = choice;
  const serves = avoided === undefined || avoided.size === 0 ? all : all.filter((protocol) => !avoided.has(protocol));
  if (serves.includes(client.protocol)) {
    const sight = choice.relay === "never" ? "translate" : choice.relay === "always" ? "relay" : "tap";
    return { sight, codec: client };
  }
  for (const protocol of serves) {
    const codec = choice.codecs.get(protocol);
    if (codec !== undefined && operations[protocol] === operations[client.protocol])
      return { sight: "translate", codec };
  }
  return undefined;
}
