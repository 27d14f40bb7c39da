import type { Figure, Findings } from "./figures.ts";
import type { Row } from "./report.ts";
import type { PairCost } from "./translation.ts";

const shownPairs = 5;

/** Columns side by side: the first two to the left, the others to the right. */
function align(lines: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const line of lines)
    for (const [index, cell] of line.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  const pad = (cell: string, index: number): string =>
    index < 2 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0);
  return lines.map((line) => line.map(pad).join("  ").trimEnd()).join("\n");
}

/** A number with as many decimals, or a dash where there is none. */
function show(value: number | undefined, decimals: number): string {
  return value === undefined ? "-" : value.toFixed(decimals);
}

function kilobytes(bytes: number | undefined): string {
  return show(bytes === undefined ? undefined : bytes / 1000, 1);
}

const heads = [
  "scenario",
  "target",
  "CPU us/unit",
  "x relay",
  "+CPU us",
  "units/s",
  "p50 ms",
  "p99 ms",
  "+p50 ms",
  "+p99 ms",
  "RSS MB",
  "events/read",
];

export function rowTable(rows: readonly Row[]): string {
  const lines = rows.map((row, index) => [
    rows[index - 1]?.scenario === row.scenario ? "" : row.scenario,
    row.target,
    show(row.cpu, 1),
    show(row.ratio, 2),
    show(row.aboveRelaying, 1),
    show(row.throughput, 0),
    show(row.p50, 2),
    show(row.p99, 2),
    show(row.addedP50, 3),
    show(row.addedP99, 3),
    show(row.memory, 0),
    show(row.eventsPerPiece, 2),
  ]);
  return align([heads, ...lines]);
}

export function sideTable(findings: Findings): string {
  const names = [...new Set([...Object.keys(findings.idle), ...Object.keys(findings.startup)])];
  const lines = names.map((name) => {
    const idle = findings.idle[name];
    return [name, kilobytes(idle?.resident), kilobytes(idle?.held), show(findings.startup[name], 0)];
  });
  return align([["idle streams and start", "KB RSS each", "KB held each", "start-up ms"], ...lines]);
}

/** The dearest translations of a long conversation. */
export function translationTable(costs: readonly PairCost[]): string {
  const lines = costs.slice(0, shownPairs).map(({ pair, small, large }) => [pair, show(small, 1), show(large, 1)]);
  return align([["translations", "ms of 1 MB", "ms of 4 MB"], ...lines]);
}

export function figureTable(figures: readonly Figure[]): string {
  const lines = figures.map((figure) => [figure.name, figure.goal, show(figure.measured, 2), figure.verdict]);
  return align([["figure", "goal", "measured", ""], ...lines]);
}
