import type { YAMLError } from "yaml";
import { printable } from "./path.ts";

export interface SyntaxFault {
  /** Characters from the start of the text. */
  readonly offset: number;
  readonly message: string;
}

/** Our words where the parser's would be unclear, or would quote the document, which may hold secrets. */
const messages: { readonly [code: string]: string } = {
  BAD_COLLECTION_TYPE: "this tag does not fit its value",
  BAD_DIRECTIVE: "a line that begins with % must be a YAML directive",
  BAD_SCALAR_START: "a plain text cannot start with this character; put it in quotes",
  MULTIPLE_DOCS: "the file holds more than one document",
  TAB_AS_INDENT: "tabs cannot indent; use spaces",
  TAG_RESOLVE_FAILED: "unsupported tag; only YAML's own types are read",
  UNEXPECTED_TOKEN: "unexpected here; look for a missing quote, comma, bracket or indentation",
};

/** What the parser found, without the consequences of what it found before. */
export function syntaxFaults(errors: readonly YAMLError[], text: string): readonly SyntaxFault[] {
  const faults: SyntaxFault[] = [];
  for (const error of errors) {
    // After a fault, everything that follows is unexpected.
    if (error.code === "UNEXPECTED_TOKEN" && faults.length > 0) continue;
    faults.push({ offset: error.pos[0], message: messageOf(error, text) });
  }
  return faults;
}

function messageOf(error: YAMLError, text: string): string {
  const offset = error.pos[0];
  if (text[offset] === "{" && text[offset - 1] === "$") {
    return 'inside { } or [ ] a reference must stand in quotes, such as "${NAME}"';
  }
  if (error.message.startsWith("Maximum call stack")) return "the document is nested too deeply";
  const own = messages[error.code];
  if (own !== undefined) return own;
  const line = error.message.split("\n", 1)[0] ?? "";
  return printable(line.charAt(0).toLowerCase() + line.slice(1), 160);
}
