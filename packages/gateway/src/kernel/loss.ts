/** A field that a translation dropped or approximated. Reported in `x-patchbay-loss`, never silent. */
export interface Loss {
  /**
   * What a reader loses is named by its path in the client's own body. What a writer loses is named by its path in the
   * canonical request, such as `sampling.topK` or `messages[2].parts[0]`, or by the canonical word for it in the answer,
   * such as `refusal` or `tool-call.arguments`; what is kept of another protocol, such as `logit_bias`, by its own name.
   */
  readonly field: string;
  readonly reason: "unsupported" | "approximated";
}
