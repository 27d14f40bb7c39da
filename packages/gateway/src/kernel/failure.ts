/** May another attempt help: nowhere, also on the same target, or only on another one? */
export type Retry = "never" | "same" | "elsewhere";

/** Who has to act: the caller, the provider, the operator of this gateway, or its authors. */
export type Blame = "client" | "upstream" | "operator" | "gateway";

export interface FailureRow {
  /** HTTP status that a client of ours sees. */
  readonly status: number;
  readonly retry: Retry;
  readonly blame: Blame;
  /** Whether the caller may well succeed with the same request later. */
  readonly again: boolean;
}

/**
 * Every way in which an exchange can fail, by meaning. The key is the metric label, the log field, the `code`
 * in error bodies and the documentation anchor.
 */
export const failures = {
  "bad-request": { status: 400, retry: "never", blame: "client", again: false },
  unauthorized: { status: 401, retry: "never", blame: "client", again: false },
  forbidden: { status: 403, retry: "never", blame: "client", again: false },
  "not-found": { status: 404, retry: "never", blame: "client", again: false },
  "method-not-allowed": { status: 405, retry: "never", blame: "client", again: false },
  "request-timeout": { status: 408, retry: "never", blame: "client", again: true },
  "too-large": { status: 413, retry: "never", blame: "client", again: false },
  "unsupported-media": { status: 415, retry: "never", blame: "client", again: false },
  misdirected: { status: 421, retry: "never", blame: "client", again: false },
  "upgrade-required": { status: 426, retry: "never", blame: "client", again: false },
  "headers-too-large": { status: 431, retry: "never", blame: "client", again: false },
  unsupported: { status: 501, retry: "never", blame: "client", again: false },
  cancelled: { status: 499, retry: "never", blame: "client", again: false },

  "model-not-found": { status: 404, retry: "elsewhere", blame: "operator", again: false },
  "upstream-auth": { status: 502, retry: "elsewhere", blame: "operator", again: false },
  "outbound-refused": { status: 502, retry: "elsewhere", blame: "operator", again: false },

  "content-filter": { status: 400, retry: "never", blame: "client", again: false },
  "context-overflow": { status: 400, retry: "elsewhere", blame: "client", again: false },
  /** Strict translation was asked for, and this target's protocol has no room for something. */
  lossy: { status: 400, retry: "elsewhere", blame: "client", again: false },
  /** The backend has no such route after all: another of its protocols may do. */
  unserved: { status: 502, retry: "same", blame: "operator", again: false },
  /** The backend refuses state that another account made, such as encrypted reasoning. It helps to leave it out. */
  "foreign-state": { status: 400, retry: "same", blame: "client", again: false },
  /** A limit that the operator set: of the caller's key, of the model or of an endpoint. */
  "over-limit": { status: 429, retry: "elsewhere", blame: "client", again: true },
  /** The money that a key may cost is spent. */
  "over-budget": { status: 429, retry: "never", blame: "client", again: false },
  "rate-limited": { status: 429, retry: "elsewhere", blame: "upstream", again: true },
  "quota-exhausted": { status: 429, retry: "elsewhere", blame: "upstream", again: false },
  overloaded: { status: 503, retry: "elsewhere", blame: "upstream", again: true },
  "upstream-error": { status: 502, retry: "elsewhere", blame: "upstream", again: true },
  unreachable: { status: 502, retry: "elsewhere", blame: "upstream", again: true },
  /** A kept-alive connection was reset before a byte of the answer: the request was never read. */
  "stale-connection": { status: 502, retry: "same", blame: "upstream", again: true },
  "bad-response": { status: 502, retry: "elsewhere", blame: "upstream", again: true },
  "broken-stream": { status: 502, retry: "elsewhere", blame: "upstream", again: true },
  "timeout-connect": { status: 504, retry: "elsewhere", blame: "upstream", again: true },
  "timeout-first-token": { status: 504, retry: "elsewhere", blame: "upstream", again: true },
  "timeout-idle": { status: 504, retry: "elsewhere", blame: "upstream", again: true },
  "timeout-total": { status: 504, retry: "never", blame: "upstream", again: false },

  draining: { status: 503, retry: "never", blame: "gateway", again: true },
  overwhelmed: { status: 503, retry: "never", blame: "gateway", again: true },
  internal: { status: 500, retry: "never", blame: "gateway", again: false },
} as const satisfies { readonly [kind: string]: FailureRow };

export type FailureKind = keyof typeof failures;

/**
 * A failure is a value: it travels in event streams and in results, and is never thrown across a stage.
 * `message` is written for the caller, names the remedy where there is one, and never holds a secret.
 */
export interface Failure {
  readonly kind: FailureKind;
  readonly message: string;
  /** The request field at fault, as a path such as `messages[3].role`. */
  readonly param?: string;
  /** The provider's own error code or type, such as `invalid_api_key`. */
  readonly upstreamCode?: string;
  /** The provider's own error type, such as `invalid_request_error`. */
  readonly upstreamType?: string;
  /** The provider's HTTP status. */
  readonly upstreamStatus?: number;
  /** The limit that kept the request out, such as `key.requestsPerMinute`. */
  readonly limit?: string;
  /** How long the provider asks us to stay away, in milliseconds, already bounded. */
  readonly retryAfter?: number;
  /** Nothing of the request has left: it can be sent again without being done twice. */
  readonly unsent?: boolean;
}

export function failure(kind: FailureKind, message: string, detail?: Omit<Failure, "kind" | "message">): Failure {
  return { ...detail, kind, message };
}
