/** A field that a translation dropped or approximated. Reported in `x-patchbay-loss`, never silent. */
export interface Loss {
  /** Path in the request or answer it came from, such as `logit_bias` or `messages[2].name`. */
  readonly field: string;
  readonly reason: "unsupported" | "approximated";
}
