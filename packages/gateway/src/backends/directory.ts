import type { CatalogModel } from "../routing/types.ts";
import type { Backend } from "./types.ts";

interface Entry {
  readonly models: readonly CatalogModel[];
  /** Why the list could not be had the last time it was asked for. */
  readonly problem?: string;
}

/** What each endpoint says it has. Keeps the last list that could be had; never asked on behalf of a client's request. */
export class ModelDirectory {
  readonly #entries = new Map<string, Entry>();

  models(endpoint: string): readonly CatalogModel[] {
    return this.#entries.get(endpoint)?.models ?? [];
  }

  problem(endpoint: string): string | undefined {
    return this.#entries.get(endpoint)?.problem;
  }

  /** Asks every backend, all at once. Resolves to true when any list has changed; never rejects. */
  async refresh(backends: ReadonlyMap<string, Backend>): Promise<boolean> {
    for (const name of this.#entries.keys()) if (!backends.has(name)) this.#entries.delete(name);
    const changes = await Promise.all([...backends].map(([name, backend]) => this.#ask(name, backend)));
    return changes.includes(true);
  }

  async #ask(name: string, backend: Backend): Promise<boolean> {
    const before = this.models(name);
    try {
      const models = await backend.models();
      this.#entries.set(name, { models });
      return JSON.stringify(models) !== JSON.stringify(before);
    } catch (error) {
      this.#entries.set(name, { models: before, problem: reasonOf(error) });
      return false;
    }
  }
}

/** Why a model list could not be had. A code where there is one: messages of network errors may hold addresses and worse. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  if (error.name === "TimeoutError") return "no answer in time";
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message;
}
