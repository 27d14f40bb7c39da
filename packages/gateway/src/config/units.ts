const milliseconds: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** As on a disk's label: KB, MB and GB are powers of 1000; KiB, MiB and GiB are powers of 1024. */
const bytes: ReadonlyMap<string, number> = new Map([
  ["b", 1],
  ["kb", 1000],
  ["mb", 1000 ** 2],
  ["gb", 1000 ** 3],
  ["kib", 1024],
  ["mib", 1024 ** 2],
  ["gib", 1024 ** 3],
]);

/** Milliseconds of `5s`, `10m`, `250ms`, `1h`, `1d` or a plain number of milliseconds; undefined for anything else. */
export function parseDuration(value: unknown): number | undefined {
  return quantity(value, milliseconds);
}

/** Bytes of `64KB` (64,000), `64KiB` (65,536), `50MB`, `1GB` or a plain number of bytes; undefined for anything else. */
export function parseSize(value: unknown): number | undefined {
  return quantity(value, bytes);
}

function quantity(value: unknown, units: ReadonlyMap<string, number>): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== "string") return undefined;
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s?([a-z]{0,3})$/i.exec(value.trim());
  const unit = match?.[2] === "" ? 1 : units.get((match?.[2] ?? "none").toLowerCase());
  if (match === null || unit === undefined) return undefined;
  const amount = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(amount) ? amount : undefined;
}
