import type { RotaEntry, RotaView } from "./types.ts";

/** Conversations that are remembered; the one that was silent longest is forgotten first. */
const mostSessions = 10_000;

/** Targets of one virtual model that are remembered. A pattern has as many as clients think up. */
const mostTargets = 1_000;

const nobody: ReadonlyMap<string, number> = new Map();

/** Whose turn it is, and where conversations are. Outlives the configuration; lives in this process alone. */
export class Rota implements RotaView {
  /** By virtual model, then by target. */
  readonly #due = new Map<string, Map<string, number>>();
  readonly #sessions = new Map<string, string>();

  due(model: string): ReadonlyMap<string, number> {
    return this.#due.get(model) ?? nobody;
  }

  targetOf(model: string, session: string): string | undefined {
    return this.#sessions.get(sessionKey(model, session));
  }

  /** Notes that a plan is carried out. */
  take(entry: RotaEntry): void {
    if (entry.session !== undefined) this.#keep(sessionKey(entry.model, entry.session), entry.taken);
    if (entry.targets.length === 0) return;
    let due = this.#due.get(entry.model);
    if (due === undefined || due.size > mostTargets) this.#due.set(entry.model, (due = new Map()));
    for (const [index, target] of entry.targets.entries()) {
      const left = (due.get(target) ?? 0) + (entry.shares[index] ?? 0) - (target === entry.taken ? 1 : 0);
      // Who was away for long is owed no more than a turn.
      due.set(target, Math.max(-1, Math.min(1, left)));
    }
  }

  #keep(key: string, target: string): void {
    this.#sessions.delete(key);
    this.#sessions.set(key, target);
    if (this.#sessions.size <= mostSessions) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      break;
    }
  }
}

const sessionKey = (model: string, session: string): string => `${model}\n${session}`;
