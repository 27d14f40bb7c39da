/** Characters that a terminal obeys instead of showing, and those that turn text around. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

/** A text from elsewhere (a model's name, an upstream's words) as it may be shown on a terminal. */
export const plain = (text: string): string => text.replace(unprintable, "?");

/** Rows as columns, two spaces apart, without trailing spaces. Cells are made plain. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const clean = rows.map((row) => row.map(plain));
  const widths: number[] = [];
  for (const row of clean) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return clean.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** `1 model`, `2 models`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** A moment as people and programs read it: ISO 8601 in UTC, to the second. */
export const moment = (milliseconds: number): string => new Date(milliseconds).toISOString().replace(/\.\d{3}Z$/, "Z");
