/** A place in the document: keys and list positions from the root. */
export type Path = readonly (string | number)[];

/** `models[0].targets[1].endpoint`; keys that are no plain words are quoted: `headers["X-Team"]`. */
export function formatPath(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(printable(step))}]`;
  }
  return text;
}

/** The kind of place, whatever the list position: `models[].targets[]`. */
export function formatKind(path: Path): string {
  return formatPath(path).replace(/\[\d+\]/g, "[]");
}

/** A text of the document as it may be shown on a terminal: short, and without control characters. */
export function printable(text: string, longest = 60): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "?");
  return clean.length > longest ? `${clean.slice(0, longest)}...` : clean;
}
