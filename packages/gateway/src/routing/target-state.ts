import { Circuit } from "./circuit.ts";
import { Latency } from "./latency.ts";

/** What is known of a target from its use. */
export class TargetState {
  readonly endpoint: string;
  readonly model: string;
  readonly circuit = new Circuit();
  /** Until the first token of a streamed answer. */
  readonly streamed = new Latency();
  /** Until an unstreamed answer. */
  readonly whole = new Latency();
  /** Attempts under way. */
  inFlight = 0;
  /** Pauses in a row for which it named no time, by credential. */
  readonly pauses = new Map<number, number>();
  /** When it was last used, in monotonic milliseconds. */
  usedAt = 0;

  constructor(endpoint: string, model: string) {
    this.endpoint = endpoint;
    this.model = model;
  }

  /** How long its answers take. @param stream Until their first tokens, and not to their ends. */
  history(stream: boolean): Latency {
    return stream ? this.streamed : this.whole;
  }
}
