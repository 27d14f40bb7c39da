import type { CircuitSettings, CircuitState } from "./types.ts";

/** With a request every few seconds a target that is well again is back within half a minute. */
export const defaultCircuit: CircuitSettings = { failures: 5, window: 60_000, cooldown: 15_000 };

/** A failure, and how many successes there had been by then. */
interface Noted {
  readonly at: number;
  readonly successes: number;
}

/**
 * Keeps requests from a target that fails. It opens when so many failures fall into the window and no more successes
 * came between them than failures, so that a busy target with a rare fault stays in use. After its cooldown one request
 * at a time may try the target; a success closes it, a failure opens it anew. All times are monotonic milliseconds.
 */
export class Circuit {
  #noted: Noted[] = [];
  #successes = 0;
  /** When it lets a probe through; undefined while closed. */
  #probeAt: number | undefined;
  #probing = false;

  state(now: number): CircuitState {
    if (this.#probeAt === undefined) return "closed";
    return this.#probing || now < this.#probeAt ? "open" : "half-open";
  }

  /** Milliseconds until a probe may go; 0 if one may now, or while closed. */
  wait(now: number): number {
    return this.#probeAt === undefined ? 0 : Math.max(0, this.#probeAt - now);
  }

  /** Takes the place of the one probe, if it is free. Whoever has it must tell the outcome, or give it back. */
  takeProbe(now: number): boolean {
    if (this.state(now) !== "half-open") return false;
    this.#probing = true;
    return true;
  }

  /** The probe ended without showing anything. */
  returnProbe(): void {
    this.#probing = false;
  }

  /** @returns Whether the circuit closed by this. */
  succeeded(): boolean {
    this.#successes++;
    if (this.#probeAt === undefined) return false;
    this.reset();
    return true;
  }

  /** @param isProbe It was the probe that failed. @returns Whether the circuit opened by this. */
  failed(now: number, settings: CircuitSettings, isProbe: boolean): boolean {
    if (this.#probeAt !== undefined) {
      // Of requests that were under way when it opened, or went out for want of others, nothing new is learned.
      if (isProbe) this.#open(now, settings);
      return isProbe;
    }
    this.#noted.push({ at: now, successes: this.#successes });
    // A ring of the last ones.
    if (this.#noted.length > settings.failures) this.#noted.splice(0, this.#noted.length - settings.failures);
    const [oldest] = this.#noted;
    if (oldest === undefined || this.#noted.length < settings.failures) return false;
    if (now - oldest.at > settings.window || this.#successes - oldest.successes > settings.failures) return false;
    this.#open(now, settings);
    return true;
  }

  reset(): void {
    this.#probeAt = undefined;
    this.#probing = false;
    this.#noted = [];
  }

  #open(now: number, { cooldown }: CircuitSettings): void {
    this.#probeAt = now + cooldown;
    this.#probing = false;
    this.#noted = [];
  }
}
