import type { Redactor } from "./redact.ts";

/**
 * Every field that a log line may bear, but for an exchange's, which `exchangeLine` names. What is not named here
 * cannot be logged, so that no body, header or prompt gets into a log by accident. Durations are milliseconds.
 */
const allowed = {
  requestId: "text",
  endpoint: "text",
  type: "text",
  status: "number",
  failureKind: "text",
  reason: "text",
  attempt: "number",
  duration: "number",
  wait: "number",
  upstreamStatus: "number",
  upstreamCode: "text",
  file: "text",
  path: "text",
  line: "number",
  column: "number",
  host: "text",
  port: "number",
  url: "text",
  version: "text",
  signal: "text",
  count: "number",
  pending: "number",
  dropped: "number",
} as const satisfies { readonly [name: string]: "text" | "number" };

type Kind = { text: string; number: number };

/** What a caller may give with a line. Names outside the table are refused by the type, and dropped at run time. */
export type LogFields = {
  readonly [Name in keyof typeof allowed]?: Kind[(typeof allowed)[Name]] | undefined;
} & {
  readonly error?: unknown;
};

type Line = { [name: string]: string | number | ErrorLine };

/** What remains of an error. */
export interface ErrorLine {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly cause?: ErrorLine;
}

/** Longest text of a field, in characters. Model names and user agents come from clients. */
const longestField = 256;
const longestMessage = 2_000;
const longestStack = 8_000;
const deepestCause = 3;

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}…`;
}

// oxlint-disable-next-line no-control-regex -- terminal escapes are what is taken out.
const controls = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;
// oxlint-disable-next-line no-control-regex -- the same, but line breaks and tabs of a stack stay.
const controlsInText = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Cuts a free text, and takes secrets and terminal escapes out of it. */
export function cleanMessage(text: string, redactor: Redactor): string {
  // Secrets go first: cutting would leave the beginning of one at the end.
  return cut(redactor.text(text).replace(controlsInText, "�"), longestMessage);
}

function property(error: object, name: string): unknown {
  try {
    return (error as { readonly [name: string]: unknown })[name];
  } catch {
    return undefined;
  }
}

/**
 * What may be logged of a thrown value: type, message, stack and code, without known secrets. Own properties of an
 * error, such as a request with its headers, are not taken. Never throws.
 */
export function errorLine(thrown: unknown, redactor: Redactor, depth = 0): ErrorLine {
  if (!(thrown instanceof Error)) {
    return {
      type: typeof thrown,
      message: typeof thrown === "string" ? cleanMessage(thrown, redactor) : "not an error",
    };
  }
  const name = property(thrown, "name");
  const message = property(thrown, "message");
  const stack = property(thrown, "stack");
  const code = property(thrown, "code");
  const cause = property(thrown, "cause");
  return {
    type: typeof name === "string" ? cleanMessage(name, redactor) : "Error",
    message: typeof message === "string" ? cleanMessage(message, redactor) : "",
    ...(typeof stack === "string" && {
      stack: cut(redactor.text(stack).replace(controlsInText, "�"), longestStack),
    }),
    ...(typeof code === "string" && { code: cleanMessage(code, redactor) }),
    ...(cause !== undefined && depth < deepestCause && { cause: errorLine(cause, redactor, depth + 1) }),
  };
}

/** The fields of a line that may be logged, cleaned. Anything else is left out. */
export function lineOf(fields: LogFields, redactor: Redactor): Line {
  const line: Line = {};
  for (const name of Object.keys(fields)) {
    const value: unknown = fields[name as keyof LogFields];
    if (value === undefined || value === null) continue;
    if (name === "error") {
      line["error"] = errorLine(value, redactor);
      continue;
    }
    if (!Object.hasOwn(allowed, name)) continue;
    const kind = allowed[name as keyof typeof allowed];
    if (kind === "text" && typeof value === "string") line[name] = cleanField(value, redactor);
    else if (kind === "number" && typeof value === "number" && Number.isFinite(value)) line[name] = value;
  }
  return line;
}

/** Most texts are short and plain; seeing that first costs a tenth of cleaning them. */
const plain = /^[ -~]*$/;

/** Cuts the text of a field, and takes secrets and control characters out of it. */
export function cleanField(value: string, redactor: Redactor): string {
  if (value.length <= longestField && value.length < redactor.shortest && plain.test(value)) return value;
  return cut(redactor.known(value).replace(controls, "�"), longestField);
}
