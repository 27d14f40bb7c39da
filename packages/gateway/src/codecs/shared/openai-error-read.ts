import type { Failure } from "../../kernel/failure.ts";
import { failure } from "../../kernel/failure.ts";
import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "./json.ts";
import { classify } from "./openai-error-kind.ts";

const longestMessage = 500;
const markup = /<!doctype|<html|<head|<body|<title/i;
// Control characters, line separators, and marks that change the direction of text.
const unprintable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/** What an upstream says of its error, in whichever shape it says it. */
interface Said {
  readonly message: string | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
}

/**
 * The meaning of an error answer by its status and its body. `status` 0 stands for an error inside an answer that
 * had begun with 200. The message is the upstream's, printable and at most 500 characters; markup is never quoted.
 */
export function readError(status: number, body: Json | undefined): Failure {
  const said = listen(body);
  const effective = status === 0 ? (statusIn(said.code) ?? 0) : status;
  const message = said.message === undefined ? undefined : clean(said.message);
  const kind = classify(effective, { type: said.type, code: said.code, message: message ?? "" });
  const plain = effective === 0 ? "The provider reported an error." : `The provider answered with status ${effective}.`;
  return failure(
    kind,
    message || plain,
    compact({
      param: said.param,
      upstreamCode: said.code,
      upstreamType: said.type,
      upstreamStatus: effective === 0 ? undefined : effective,
    }),
  );
}

/**
 * The error inside an answer that bears status 200, as a body or as an event of a stream: an `error`, an error of
 * a choice (OpenRouter), a finish reason `error`, or the old vLLM form `object: "error"`. Undefined if there is none.
 */
export function errorInside(answer: JsonObject): Failure | undefined {
  if (saysError(answer["error"]) || answer["object"] === "error") return readError(0, answer);
  for (const item of arrayOf(answer["choices"])) {
    const choice = objectOf(item);
    if (choice === undefined) continue;
    if (saysError(choice["error"])) return readError(0, choice);
    if (choice["finish_reason"] === "error") return readError(0, undefined);
  }
  return undefined;
}

/** Whether an `error` of an answer tells of one: some backends always send the field. */
export function saysError(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== false && value !== "";
}

function statusIn(code: string | undefined): number | undefined {
  return code !== undefined && /^[45]\d\d$/.test(code) ? Number(code) : undefined;
}

function listen(body: Json | undefined): Said {
  const outer = objectOf(Array.isArray(body) ? arrayOf(body)[0] : body);
  const inner = objectOf(outer?.["error"]);
  const source = inner ?? outer;
  const named = (name: string) => word(source?.[name]);
  return {
    message: textOf(typeof body === "string" ? body : undefined) ?? messageOf(outer, inner),
    type: named("type"),
    code: named("code") ?? named("status"),
    param: textOf(source?.["param"])?.slice(0, 200),
  };
}

function messageOf(outer: JsonObject | undefined, inner: JsonObject | undefined): string | undefined {
  return (
    textOf(inner?.["message"]) ??
    textOf(outer?.["error"]) ??
    textOf(outer?.["message"]) ??
    textOf(outer?.["detail"]) ??
    // FastAPI answers 422 with a list of complaints.
    textOf(objectOf(arrayOf(outer?.["detail"])[0])?.["msg"]) ??
    textOf(objectOf(outer?.["message"])?.["message"])
  );
}

/** A short machine-readable word; vLLM and OpenRouter send codes as numbers. */
function word(value: Json | undefined): string | undefined {
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  const text = textOf(value);
  return text === undefined || text.length > 100 ? undefined : clean(text) || undefined;
}

function clean(text: string): string {
  const head = text.slice(0, 4 * longestMessage);
  if (markup.test(head)) return "";
  const plain = head.replace(unprintable, " ").trim();
  return (plain.length > longestMessage ? `${plain.slice(0, longestMessage - 1)}…` : plain).toWellFormed();
}
