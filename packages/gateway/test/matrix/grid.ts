/** Counts what passed, and prints it as a table of clients and backends. */
export class Grid {
  readonly #kinds: readonly string[];
  readonly #rows = new Map<string, Map<string, { passed: number; failed: number; limited: number }>>();
  readonly #limits = new Map<string, string>();

  constructor(kinds: readonly string[]) {
    this.#kinds = kinds;
  }

  note(client: string, kind: string, passed: boolean): void {
    const cell = this.#cell(client, kind);
    if (passed) cell.passed++;
    else cell.failed++;
  }

  /** A cell that the client or the vendor (`whose`) has no way to fill. */
  limit(client: string, kind: string, limit: { whose: string; name: string; reason: string }): void {
    this.#cell(client, kind).limited++;
    this.#limits.set(`${limit.whose}: ${limit.name}`, limit.reason);
  }

  toString(): string {
    const head = ["client", ...this.#kinds];
    const rows = [...this.#rows].map(([client, cells]) => [
      client,
      ...this.#kinds.map((kind) => {
        const { passed, failed, limited } = cells.get(kind) ?? { passed: 0, failed: 0, limited: 0 };
        const more = [failed > 0 ? `${failed} FAILED` : "", limited > 0 ? `${limited} limits` : ""];
        return [`${passed} ok`, ...more.filter((text) => text !== "")].join(", ");
      }),
    ]);
    const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
    const lines = [head, ...rows].map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join("  "));
    return [...lines, "", ...[...this.#limits].map(([name, reason]) => `${name}: ${reason}`)].join("\n");
  }

  #cell(client: string, kind: string) {
    const row = this.#rows.get(client) ?? new Map<string, { passed: number; failed: number; limited: number }>();
    this.#rows.set(client, row);
    const cell = row.get(kind) ?? { passed: 0, failed: 0, limited: 0 };
    row.set(kind, cell);
    return cell;
  }
}
