import type { CircuitSettings, CircuitState } from "./types.ts";

/** With a request every few seconds a target that is well again is back within half a minute. */
export const defaultCircuit: CircuitSettings = { failures: 5, window: 60_000, cooldown: 15_000 };

/** Most failures that are remembered: what the document allows at most. */
const mostNoted = 100;

/** A failure, and how many successes there had been by then. */
interface Noted {
  readonly at: number;
  readonly successes: number;
}

/** The right to try a target whose circuit is open; a number of its own for each. */
export type Probe = number;

/**
 * Keeps requests from a target that fails. It opens when so many failures fall into the window and no more successes
 * came between them than failures, so that a busy target with a rare fault stays in use. After its cooldown one request
 * at a time may try the target; a success closes it, a failure opens it anew. All times are monotonic milliseconds.
 */
export class Circuit {
  #noted: Noted[] = [];
  #successes = 0;
  /** When it opened, and when it lets a probe through; undefined while closed. */
  #open: { readonly at: number; readonly probeAt: number } | undefined;
  /** The probe that is under way. */
  #probe: Probe | undefined;
  #probes = 0;
  /** The probe that closed it, and how many successes there had been by then. */
  #closedBy: { readonly probe: Probe; readonly successes: number } | undefined;

  get isClosed(): boolean {
    return this.#open === undefined;
  }

  state(now: number): CircuitState {
    if (this.#open === undefined) return "closed";
    return this.#probe !== undefined || now < this.#open.probeAt ? "open" : "half-open";
  }

  /** Milliseconds until a probe may go; 0 if one may now, or while closed. */
  wait(now: number): number {
    return this.#open === undefined ? 0 : Math.max(0, this.#open.probeAt - now);
  }

  /** Takes the place of the one probe, if it is free. Whoever has it must tell the outcome, or give it back. */
  takeProbe(now: number): Probe | undefined {
    if (this.state(now) !== "half-open") return undefined;
    this.#probe = ++this.#probes;
    return this.#probe;
  }

  /** The probe ended without showing anything. One that another has taken the place of changes nothing. */
  returnProbe(probe: Probe): void {
    if (this.#probe === probe) this.#probe = undefined;
  }

  /**
   * An answer began.
   *
   * @param sentAt When its request was sent: one that was under way when the circuit opened does not close it.
   * @returns Whether the circuit closed by this.
   */
  succeeded(sentAt: number, probe?: Probe): boolean {
    this.#successes++;
    const isProbe = probe !== undefined && probe === this.#probe;
    if (this.#open === undefined || (!isProbe && sentAt < this.#open.at)) return false;
    this.reset();
    if (isProbe) this.#closedBy = { probe, successes: this.#successes };
    return true;
  }

  /** @param probe If it was one that failed. @returns Whether the circuit opened by this. */
  failed(now: number, settings: CircuitSettings, probe?: Probe): boolean {
    if (this.#open !== undefined) {
      // Of requests that were under way when it opened, or went out for want of others, nothing new is learned.
      if (probe === undefined || probe !== this.#probe) return false;
      this.#opens(now, settings);
      return true;
    }
    this.#noted.push({ at: now, successes: this.#successes });
    if (this.#noted.length > mostNoted) this.#noted.shift();
    const { failures, window } = settings;
    const isFew = (before: number) => this.#successes - before <= failures;
    const oldest = this.#noted.at(-failures);
    const hasMany = oldest !== undefined && now - oldest.at <= window && isFew(oldest.successes);
    // A probe whose answer began well and then broke off has shown that the target is not well after all.
    const isLapse = probe !== undefined && this.#closedBy?.probe === probe && isFew(this.#closedBy.successes);
    if (!hasMany && !isLapse) return false;
    this.#opens(now, settings);
    return true;
  }

  reset(): void {
    this.#open = undefined;
    this.#probe = undefined;
    this.#closedBy = undefined;
    this.#noted = [];
  }

  #opens(now: number, { cooldown }: CircuitSettings): void {
    this.reset();
    this.#open = { at: now, probeAt: now + cooldown };
  }
}
