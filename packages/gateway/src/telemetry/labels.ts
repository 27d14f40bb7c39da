/** What a label says when its value is none of ours. */
export const other = "other";

/**
 * Keeps the values of a label few. A value is used only when its name is known to us, and only the first `cap`
 * distinct ones are; everything else becomes `other`, so that no client can make series. A value that was used
 * stays in use, for a series must not vanish at a reload.
 */
export class BoundedLabel {
  readonly #cap: number;
  readonly #used = new Set<string>();
  #known: ReadonlySet<string> = new Set();

  constructor(cap: number) {
    this.#cap = cap;
  }

  /** Replaces the names that are known: those of the current configuration and of upstreams' model lists. */
  know(names: Iterable<string>): void {
    this.#known = new Set(names);
  }

  fold(value: string): string {
    if (this.#used.has(value)) return value;
    if (this.#used.size >= this.#cap || !this.#known.has(value)) return other;
    this.#used.add(value);
    return value;
  }
}
