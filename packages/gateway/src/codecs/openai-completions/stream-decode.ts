import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import { objectOf } from "../shared/json.ts";
import type { AnswerGrammar, CandidateContext, CandidateReader } from "../shared/openai-decoder.ts";
import type { ChoiceSight } from "../shared/openai-tap.ts";

/** Reads the text of one candidate: the same field in chunks and in whole answers. */
class CompletionReader implements CandidateReader {
  readonly hasCalls = false;
  readonly #context: CandidateContext;
  #open = false;

  constructor(context: CandidateContext) {
    this.#context = context;
  }

  read(choice: JsonObject): void {
    const text = typeof choice["text"] === "string" ? choice["text"] : "";
    const logprobs = objectOf(choice["logprobs"]);
    if (text === "" && logprobs === undefined) return;
    const { candidate, emit } = this.#context;
    if (!this.#open) emit({ type: "part-start", candidate, part: 0, head: { type: "text" } });
    this.#open = true;
    emit({ type: "part-delta", candidate, part: 0, text, ...compact({ logprobs }) });
  }

  close(): void {
    if (this.#open) this.#context.emit({ type: "part-end", candidate: this.#context.candidate, part: 0 });
    this.#open = false;
  }
}

export const completionGrammar: AnswerGrammar = {
  protocol: "openai-completions",
  reader: (context) => new CompletionReader(context),
};

const nothing: ChoiceSight = { meaningful: false, hasCalls: false };
const content: ChoiceSight = { meaningful: true, hasCalls: false };

/** Looks at a choice of a completion. On the hot path: allocates nothing. */
export function lookAtChoice(choice: JsonObject): ChoiceSight {
  return typeof choice["text"] === "string" && choice["text"] !== "" ? content : nothing;
}
