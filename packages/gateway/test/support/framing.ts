import type { Framing } from "./behaviour.ts";

const lineEnds = { lf: "\n", crlf: "\r\n", cr: "\r" } as const;

function dataLines(payload: string, multiLine: boolean): readonly string[] {
  if (!multiLine || !payload.startsWith("{")) return [payload];
  return JSON.stringify(JSON.parse(payload), null, 1).split("\n");
}

/** One event as text, with its blank line. */
export function frameEvent(payload: string, framing: Framing): string {
  const end = lineEnds[framing.lineEnd ?? "lf"];
  const prefix = framing.space === false ? "data:" : "data: ";
  const comment = framing.comments === true ? `: ping${end}` : "";
  const lines = dataLines(payload, framing.multiLine === true).map((line) => `${prefix}${line}${end}`);
  return `${comment}${lines.join("")}${end}`;
}

/** Payloads of a stream as the writes that carry them; `[DONE]` is among them unless the framing leaves it out. */
export function frame(payloads: readonly string[], framing: Framing): readonly Buffer[] {
  const all = framing.done === false ? payloads : [...payloads, "[DONE]"];
  const events = all.map((payload) => frameEvent(payload, framing));
  if (framing.bom === true) events[0] = `\uFEFF${events[0] ?? ""}`;
  if (framing.trailingBlank === false) {
    const end = lineEnds[framing.lineEnd ?? "lf"];
    const last = events.pop() ?? "";
    // Both line ends go: the last event ends without so much as an end of its own line.
    events.push(last.slice(0, -2 * end.length));
  }
  if (framing.chunk === undefined) return events.map((event) => Buffer.from(event));
  return slices(Buffer.from(events.join("")), framing.chunk);
}

/** Cuts bytes into pieces of a size, without regard for characters. */
export function slices(bytes: Buffer, size: number | "whole"): readonly Buffer[] {
  if (size === "whole") return [bytes];
  const result: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) result.push(bytes.subarray(start, start + size));
  return result;
}
