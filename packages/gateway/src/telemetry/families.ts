import { other } from "./labels.ts";

export interface Description {
  /** OpenTelemetry's name, with dots. */
  readonly name: string;
  readonly help: string;
  /** UCUM unit, such as `s` or `By`; empty for plain counts. */
  readonly unit: string;
  readonly labels: readonly string[];
}

/** A label that does not apply is undefined and left out. */
export type LabelValues = readonly (string | undefined)[];

/** Adds up. */
export class Counter {
  total = 0;

  add(amount: number): void {
    this.total += amount;
  }
}

/** Counts values in buckets, whose upper bounds are inclusive. */
export class Histogram {
  readonly boundaries: readonly number[];
  /** One more than boundaries; not cumulative. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries;
    this.counts = Array.from({ length: boundaries.length + 1 }, () => 0);
  }

  record(value: number): void {
    let low = 0;
    let high = this.boundaries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (this.boundaries[middle] ?? Infinity)) high = middle;
      else low = middle + 1;
    }
    this.counts[low] = (this.counts[low] ?? 0) + 1;
    this.sum += value;
    this.count += 1;
  }
}

export interface Series<Cell> {
  readonly labels: { readonly [name: string]: string };
  readonly cell: Cell;
}

/** Most label combinations of one metric; the rest share one whose labels all say `other`. */
const mostSeries = 2_000;

/** A metric with its series. Callers keep the cell that they get: finding it costs more than using it. */
export class Family<Cell> {
  readonly description: Description;
  readonly #create: () => Cell;
  readonly #series = new Map<string, Series<Cell>>();

  constructor(description: Description, create: () => Cell) {
    this.description = description;
    this.#create = create;
  }

  /** The cell for these values, in the order of the description's labels. */
  cell(values: LabelValues): Cell {
    const key = values.join("\n");
    const present = this.#series.get(key);
    if (present !== undefined) return present.cell;
    if (this.#series.size >= mostSeries && values.some((value) => value !== other)) {
      return this.cell(this.description.labels.map(() => other));
    }
    const labels: { [name: string]: string } = {};
    for (const [index, name] of this.description.labels.entries()) {
      const value = values[index];
      if (value !== undefined) labels[name] = value;
    }
    const series = { labels, cell: this.#create() };
    this.#series.set(key, series);
    return series.cell;
  }

  series(): Iterable<Series<Cell>> {
    return this.#series.values();
  }
}
