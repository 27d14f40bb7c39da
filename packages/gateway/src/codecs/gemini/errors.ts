import type { Failure, FailureKind } from "../../kernel/failure.ts";
import { failures } from "../../kernel/failure.ts";
import { compact, isJsonObject } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import { arrayOf, objectOf, textOf } from "../shared/json.ts";
import { readError as readPlain } from "../shared/openai-error-read.ts";

const typePrefix = "type.googleapis.com/google.rpc.";
/** A longer wait is as good as none. */
const longestWait = 24 * 3_600_000;

/**
 * The meaning of an error answer: `{"error": {code, message, status, details}}`, or a list of it where a stream was
 * asked for. `status` 0 stands for an error inside an answer that had begun with 200; its `code` counts then.
 */
export function readError(status: number, body: Json | undefined): Failure {
  const outer = objectOf(Array.isArray(body) ? arrayOf(body)[0] : body);
  const error = objectOf(outer?.["error"]);
  if (error === undefined) return readPlain(status, body);
  const word = textOf(error["status"]);
  const code = error["code"];
  const inside = typeof code === "number" && code >= 400 && code < 600 ? code : 0;
  const effective = status === 0 ? inside : status;
  const plain = readPlain(effective, { error: { ...error, ...compact({ code: word ?? code }) } });
  const details = detailsOf(error);
  return {
    ...plain,
    kind: kindOf(plain, { status: effective, word, details }),
    ...compact({ param: plain.param ?? violatedField(details), retryAfter: waitOf(details) }),
  };
}

interface Said {
  readonly status: number;
  readonly word: string | undefined;
  readonly details: readonly JsonObject[];
}

function kindOf(plain: Failure, { status, word, details }: Said): FailureKind {
  if (status === 429 || (status === 0 && word === "RESOURCE_EXHAUSTED")) return limitOf(plain, details);
  // Where the server stands or which project asks is the operator's affair.
  if (/user location is not supported/i.test(plain.message)) return "upstream-auth";
  if (status === 402) return "quota-exhausted";
  if (status === 499) return "upstream-error";
  return plain.kind;
}

/** Limits of a minute and used-up quotas have the same text; what is told beside it makes the difference. */
function limitOf(plain: Failure, details: readonly JsonObject[]): FailureKind {
  const quotas = details.flatMap((detail) => arrayOf(detail["violations"]).map((each) => objectOf(each)?.["quotaId"]));
  if (quotas.some((id) => typeof id === "string" && /PerDay/i.test(id))) return "quota-exhausted";
  if (waitOf(details) !== undefined) return "rate-limited";
  return plain.kind === "quota-exhausted" || /billing|credits/i.test(plain.message)
    ? "quota-exhausted"
    : "rate-limited";
}

function detailsOf(error: JsonObject): readonly JsonObject[] {
  return arrayOf(error["details"]).filter(isJsonObject);
}

function ofType(details: readonly JsonObject[], type: string): JsonObject | undefined {
  return details.find((detail) => textOf(detail["@type"])?.endsWith(`.${type}`));
}

/** `retryDelay` of RetryInfo, a duration such as `34.4s`, in milliseconds. */
function waitOf(details: readonly JsonObject[]): number | undefined {
  const delay = textOf(ofType(details, "RetryInfo")?.["retryDelay"]) ?? "";
  const seconds = /^\d{1,9}(?:\.\d{1,9})?(?=s$)/.exec(delay)?.[0];
  return seconds === undefined ? undefined : Math.min(Math.ceil(Number(seconds) * 1000), longestWait);
}

function violatedField(details: readonly JsonObject[]): string | undefined {
  const [first] = arrayOf(ofType(details, "BadRequest")?.["fieldViolations"]);
  return textOf(objectOf(first)?.["field"])?.slice(0, 200);
}

/** Google's canonical words (google.rpc.Code) by HTTP status. */
const words: ReadonlyMap<number, string> = new Map([
  [401, "UNAUTHENTICATED"],
  [403, "PERMISSION_DENIED"],
  [404, "NOT_FOUND"],
  [408, "DEADLINE_EXCEEDED"],
  [429, "RESOURCE_EXHAUSTED"],
  [499, "CANCELLED"],
  [500, "INTERNAL"],
  [501, "UNIMPLEMENTED"],
  [502, "UNAVAILABLE"],
  [503, "UNAVAILABLE"],
  [504, "DEADLINE_EXCEEDED"],
]);

/** An error body in Google's shape. Our own word for the failure is the reason of its ErrorInfo. */
export function writeError(failure: Failure): JsonObject {
  const { status } = failures[failure.kind];
  const info: JsonObject = {
    "@type": `${typePrefix}ErrorInfo`,
    reason: failure.kind.replaceAll("-", "_").toUpperCase(),
    domain: "patchbay",
    ...(failure.upstreamCode !== undefined && { metadata: { upstreamCode: failure.upstreamCode } }),
  };
  const details: JsonObject[] = [info];
  if (failure.param !== undefined) {
    const fieldViolations = [{ field: failure.param, description: failure.message }];
    details.push({ "@type": `${typePrefix}BadRequest`, fieldViolations });
  }
  if (failure.retryAfter !== undefined) {
    details.push({ "@type": `${typePrefix}RetryInfo`, retryDelay: `${Math.ceil(failure.retryAfter) / 1000}s` });
  }
  return {
    error: { code: status, message: failure.message, status: words.get(status) ?? "INVALID_ARGUMENT", details },
  };
}
