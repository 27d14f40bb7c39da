import type { Accepts } from "./codec.ts";
import type { AnswerEvent } from "./event.ts";
import type { Loss } from "./loss.ts";
import type { Machine } from "./machine.ts";
import type { Protocol } from "./protocol.ts";
import type { CanonicalRequest } from "./request.ts";

/** Where a request is about to go. */
export interface FeatureTarget {
  readonly endpoint: string;
  readonly model: string;
  /** The protocol that is spoken there. */
  readonly protocol: Protocol;
  /** The client's protocol. */
  readonly client: Protocol;
  readonly accepts: Accepts;
  /** Whether the model reasons; absent where nobody knows. */
  readonly reasons?: boolean;
  /** Who asks, where that is known: nobody else may get what is remembered for them. */
  readonly caller?: string;
  /** The backend refused vendor state in this very request: none may be put back. */
  readonly stateless?: boolean;
}

/** What a feature made of a request for one target. */
export interface FeatureOutcome {
  readonly request: CanonicalRequest;
  readonly losses: readonly Loss[];
  /** Stands between the decoder and the encoder of the answer; absent where the answer stays as it is. */
  readonly answer?: Machine<AnswerEvent, AnswerEvent>;
}

/**
 * Something that changes translated traffic: the request on its way to one target, and its answer on the way back.
 * Features stand in a row. Requests pass them from the first to the last, answers from the last to the first.
 */
export interface Feature {
  apply(request: CanonicalRequest, target: FeatureTarget): FeatureOutcome;
}
