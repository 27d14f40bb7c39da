/** What may be used. Absent: as much as is wanted. All figures are whole and at least 1. */
export interface Quota {
  readonly requestsPerMinute?: number;
  /** Input and output together, cached input too. */
  readonly tokensPerMinute?: number;
  readonly tokensPerDay?: number;
  /** Requests under way at a time. */
  readonly concurrent?: number;
}

/** What may be asked of a target or of a virtual model. */
export interface SharedLimits extends Quota {
  /** Part of the figures per time that is used, above 0 and up to 1; absent: all. */
  readonly headroom?: number;
  /** Most requests that wait for one of `concurrent`; absent: 100. */
  readonly queue?: number;
  /** How long one waits there, in milliseconds; absent: 10 s. */
  readonly patience?: number;
}

/** What a client key may use. */
export interface KeyLimits extends Quota {
  /** A day and a month of the calendar, in UTC. */
  readonly microDollarsPerDay?: number;
  readonly microDollarsPerMonth?: number;
  /** Who waits with a greater one goes first; absent: 0. */
  readonly priority?: number;
}

/** What a provider says that is left of something, for how long. */
export interface Quote {
  readonly unit: "requests" | "tokens";
  readonly remaining: number;
  /** Milliseconds until it is filled up again; absent where it does not say. */
  readonly reset?: number | undefined;
}
