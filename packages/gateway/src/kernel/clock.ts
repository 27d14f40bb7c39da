/** Time and chance are passed in, so that every rule that depends on them can be tested. */
export interface Clock {
  /** Milliseconds since 1970; may jump. For timestamps only. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For durations only. */
  monotonic(): number;
}
