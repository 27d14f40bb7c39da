/** A field that a translation dropped or approximated. Reported in `x-patchbay-loss`, never silent. */
export interface Loss {
  /**
   * What a reader loses is named by its path in the client's own body. What a writer loses is named by its path in the
   * canonical request, such as `sampling.topK`, where a part's place is followed by its word: `messages[2].parts[0].image`.
   * In an answer the word stands alone, such as `refusal` or `tool-call.arguments`. What has no canonical word, such as `logit_bias` or `server_tool_use`, is named
   * by its own.
   */
  readonly field: string;
  readonly reason: "unsupported" | "approximated";
}
