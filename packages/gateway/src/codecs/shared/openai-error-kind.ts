import type { FailureKind } from "../../kernel/failure.ts";

export interface ErrorWords {
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly message: string;
}

interface Rule {
  readonly kind: FailureKind;
  /** Values of `code` or `type`, in lower case. */
  readonly codes: readonly string[];
  readonly message?: RegExp;
  /** The statuses on which the message counts. 0 is an error within an answer of status 200. */
  readonly statuses: readonly number[];
}

const requestStatuses = [0, 400, 403, 404, 413, 422, 500];

/**
 * Meanings that a status does not tell, the first that fits counts. Wordings are those of OpenAI, Azure, Anthropic,
 * Gemini, vLLM, SGLang, TGI, llama.cpp, LM Studio, Ollama, Mistral, Groq, xAI, Moonshot, DashScope and Bedrock.
 */
const rules: readonly Rule[] = [
  {
    kind: "context-overflow",
    codes: [
      "context_length_exceeded",
      "exceed_context_size_error",
      "model_max_prompt_tokens_exceeded",
      "context_window_exceeded",
    ],
    message: new RegExp(
      [
        "maximum (?:context|prompt|input|model|sequence) length",
        "context[_ ](?:length|window|size)[_ ](?:is )?exceed",
        "exceed\\w* (?:the |model's |max(?:imum)? |available )*(?:context|token limit)",
        "exceeded model token limit",
        "(?:prompt|input|request|messages?) (?:is|are) too long",
        "prompt too long",
        "input token length too long",
        "exceeds the maximum number of tokens",
        "exceed context limit",
        "reduce the length of (?:the|your) (?:messages|prompt|input)",
        "longer than the (?:maximum )?model",
        "longer than the model's context",
        "tokens? \\+ `?max_new_tokens`? must be",
        "range of input length should be",
        "greater than the context length",
        "context the overflows",
        "too large for model with \\d+ maximum context",
      ].join("|"),
      "i",
    ),
    statuses: requestStatuses,
  },
  {
    kind: "foreign-state",
    codes: ["invalid_encrypted_content"],
    message: new RegExp(
      [
        "encrypted content\\b.{0,200}\\bcould not be (?:verified|decrypted)",
        "invalid `?(?:signature|data)`? in `?(?:redacted_)?thinking`? block",
        "thought[_ ]?signature is (?:not valid|invalid)",
        "(?:invalid|corrupted) thought[_ ]?signature",
        // Gemini 3 refuses calls that came from elsewhere without the word that says so.
        "missing a `?thought[_ ]?signature",
      ].join("|"),
      "i",
    ),
    statuses: [0, 400],
  },
  {
    kind: "quota-exhausted",
    codes: [
      "insufficient_quota",
      "billing_hard_limit_reached",
      "billing_not_active",
      "insufficient_balance",
      "insufficient_user_quota",
      "exceeded_current_quota_error",
      "billing_error",
      "arrearage",
      "402",
    ],
    message:
      /exceeded your current quota|insufficient (?:balance|credits?|quota|funds)|credit balance is too low|out of credits|more credits|spending limit/i,
    statuses: [0, 400, 402, 403, 429],
  },
  {
    kind: "content-filter",
    codes: [
      "content_filter",
      "content_policy_violation",
      "responsibleaipolicyviolation",
      "data_inspection_failed",
      "moderation_blocked",
    ],
    message:
      /content management policy|content[_ ]filter|content policy|safety system|input was flagged|flagged (?:by|as|for) |inappropriate content|data may contain inappropriate/i,
    statuses: [0, 400, 403, 422, 451],
  },
  {
    kind: "upstream-auth",
    codes: [
      "invalid_api_key",
      "authentication_error",
      "permission_error",
      "unauthenticated",
      "permission_denied",
      "account_deactivated",
    ],
    message: /api key (?:not valid|is invalid|expired)|(?:incorrect|invalid) api key/i,
    statuses: [0, 400],
  },
  {
    kind: "model-not-found",
    codes: ["model_not_found", "model_not_available", "model_decommissioned", "notfounderror"],
    message:
      /model\b.{0,200}\b(?:does not exist|not found|not supported by any provider|has been decommissioned)|not a valid model/i,
    statuses: [0, 400, 422],
  },
  {
    kind: "rate-limited",
    codes: [
      "rate_limit_exceeded",
      "rate_limit_error",
      "rate_limit_reached_error",
      "resource_exhausted",
      "too_many_requests",
    ],
    statuses: [],
  },
  {
    kind: "overloaded",
    codes: [
      "server_is_overloaded",
      "slow_down",
      "overloaded_error",
      "engine_overloaded_error",
      "model_overloaded",
      "unavailable",
    ],
    message: /overloaded|at capacity|no capacity/i,
    statuses: [0, 500, 502],
  },
];

/** An error of known status keeps these codes from meaning more than the status allows. */
const byStatus: ReadonlyMap<number, FailureKind> = new Map<number, FailureKind>([
  [400, "bad-request"],
  [401, "upstream-auth"],
  [402, "quota-exhausted"],
  [403, "upstream-auth"],
  [404, "model-not-found"],
  // A backend that waited too long for our bytes, or gave up on its own work: another target may do better.
  [408, "upstream-error"],
  [409, "bad-request"],
  [410, "model-not-found"],
  [413, "bad-request"],
  [422, "bad-request"],
  [429, "rate-limited"],
  [503, "overloaded"],
  [529, "overloaded"],
]);

/** The meaning of an upstream's error. */
export function classify(status: number, words: ErrorWords): FailureKind {
  const code = words.code?.toLowerCase() ?? "";
  const type = words.type?.toLowerCase() ?? "";
  for (const rule of rules) {
    if (rule.codes.includes(code) || rule.codes.includes(type)) return rule.kind;
    if (rule.message !== undefined && rule.statuses.includes(status) && rule.message.test(words.message))
      return rule.kind;
  }
  const known = byStatus.get(status);
  if (known !== undefined) return known;
  if (status >= 400 && status < 500) return "bad-request";
  if (status === 0 && (type === "invalid_request_error" || type === "badrequesterror")) return "bad-request";
  return "upstream-error";
}
