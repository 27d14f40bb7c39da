import type { Json } from "../kernel/json.ts";
import type { Edit } from "../kernel/edit.ts";
import { foldName, type ScannedField, type ScannedObject } from "./json-scan.ts";
import { Rope } from "./rope.ts";

interface Cut {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function cut(start: number, end: number, text: string): Cut {
  return { start, end, text };
}

/**
 * The bytes of a JSON object with the edits spliced in; every other byte stays as it came.
 * Fields are found in whatever case they are written, as a server without regard to case would find them.
 * A field that is set and absent is put in front; one that is removed or renamed and absent is no error; one that is
 * renamed to a name that is there already goes, so that no name is given twice.
 * At most one edit per field.
 */
export function splice(bytes: Buffer, object: ScannedObject, edits: readonly Edit[]): Buffer {
  return edits.length === 0 ? bytes : Buffer.concat(splicePieces(new Rope([bytes]), object, edits));
}

/** The same as pieces that share the rope's memory, for whoever can send them without putting them together. */
export function splicePieces(rope: Rope, object: ScannedObject, edits: readonly Edit[]): readonly Buffer[] {
  if (edits.length === 0) return rope.pieces(0, rope.length);
  const members = new Map(object.fields.map((field) => [foldName(field.name), field]));
  const taken = namesAfter(members, edits);
  const cuts: Cut[] = [];
  const removed = new Set<ScannedField>();
  let inserted = "";
  for (const edit of edits) {
    const field = members.get(foldName(edit.field));
    if (field === undefined) {
      if (edit.kind === "set") inserted += `${member(edit.field, edit.value)},`;
    } else if (edit.kind === "remove") {
      removed.add(field);
    } else if (edit.kind === "rename") {
      const name = foldName(edit.to);
      if (taken.has(name)) removed.add(field);
      else cuts.push(cut(field.keyStart, field.keyEnd, JSON.stringify(edit.to)));
      taken.add(name);
    } else if (field.name === edit.field) {
      cuts.push(cut(field.valueStart, field.valueEnd, JSON.stringify(edit.value)));
    } else cuts.push(cut(field.keyStart, field.valueEnd, member(edit.field, edit.value)));
  }
  if (removed.size > 0) cuts.push(...removals(object.fields, removed));
  if (inserted !== "") {
    const alone = object.fields.length === removed.size;
    const front = object.open + 1;
    cuts.push(cut(front, front, alone ? inserted.slice(0, -1) : inserted));
  }
  // An insertion and a cut may start at the same byte: the insertion, which ends there too, goes first.
  cuts.sort((a, b) => a.start - b.start || a.end - b.end);
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { start, end, text } of cuts) {
    pieces.push(...rope.pieces(at, start));
    if (text !== "") pieces.push(Buffer.from(text));
    at = end;
  }
  pieces.push(...rope.pieces(at, rope.length));
  return pieces;
}

/** The names, folded, that are there once the edits are made, but for those that fields are renamed to. */
function namesAfter(members: ReadonlyMap<string, ScannedField>, edits: readonly Edit[]): Set<string> {
  const names = new Set(members.keys());
  for (const edit of edits) {
    if (edit.kind === "set") names.add(foldName(edit.field));
    else names.delete(foldName(edit.field));
  }
  return names;
}

function member(name: string, value: Json): string {
  return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
}

/** Each removed member goes with the comma behind it; those at the end go with the comma before them. */
function removals(fields: readonly ScannedField[], removed: ReadonlySet<ScannedField>): Cut[] {
  const lastKept = fields.findLastIndex((field) => !removed.has(field));
  const cuts: Cut[] = [];
  fields.forEach((field, index) => {
    const next = fields[index + 1];
    if (index < lastKept && next !== undefined && removed.has(field)) {
      cuts.push(cut(field.keyStart, next.keyStart, ""));
    }
  });
  const first = fields[lastKept + 1];
  const last = fields.at(-1);
  if (first !== undefined && last !== undefined) {
    cuts.push(cut(fields[lastKept]?.valueEnd ?? first.keyStart, last.valueEnd, ""));
  }
  return cuts;
}
