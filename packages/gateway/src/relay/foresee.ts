import type { Demand } from "../limits/demand.ts";
import type { Price } from "../kernel/usage.ts";
import { isJsonObject, own } from "../kernel/json.ts";
import { operations } from "../kernel/protocol.ts";
import type { PlannedAttempt } from "../routing/types.ts";
import { readField } from "../wire/json-scan.ts";
import { countTokens } from "../wire/token-count.ts";
import type { ExchangeInput } from "./types.ts";

/** Where the protocols say how many tokens an answer may have, and how many answers are wanted. */
const outputFields = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;
const nestedFields = [
  ["options", "num_predict"],
  ["generationConfig", "maxOutputTokens"],
] as const;
const mostAnswers = 128;

/** Tokens that an answer is foreseen to have where the request does not say. */
const usualOutput = 1024;

/** What a request is foreseen to use: read from its bytes, once, when a limit asks for it. */
export class Foreseen implements Demand {
  readonly requests = 1;
  readonly #input: ExchangeInput;
  readonly #price: (endpoint: string, model: string) => Price | undefined;
  #tokens: { readonly input: number; readonly output: number } | undefined;

  constructor(input: ExchangeInput, price: (endpoint: string, model: string) => Price | undefined) {
    this.#input = input;
    this.#price = price;
  }

  readonly input = (): number => this.#read().input;

  readonly tokens = (): number => {
    const { input, output } = this.#read();
    return input + output;
  };

  /** In micro-dollars, at the dearest target of the plan, or at all of a council; unknown prices count nothing. */
  readonly money = (): number => {
    const { attempts, spare = [], model } = this.#input.plan;
    const { input, output } = this.#read();
    const isCouncil = model.strategy === "council";
    const costs = (isCouncil ? [...attempts, ...spare] : attempts).map((target) => {
      const { input: read = 0, output: written = 0 } = this.price(target) ?? {};
      return Math.ceil(input * read + output * written);
    });
    return isCouncil ? costs.reduce((sum, cost) => sum + cost, 0) : Math.max(0, ...costs);
  };

  /** What a target's tokens are charged at, where that is known. */
  price({ endpoint, model }: Pick<PlannedAttempt, "endpoint" | "model">): Price | undefined {
    return this.#input.plan.model.facts.price ?? this.#price(endpoint, model);
  }

  /** Whether every token that a target may use has a price. */
  isPriced(target: PlannedAttempt): boolean {
    const { input, output } = this.price(target) ?? {};
    return input !== undefined && (output !== undefined || this.#isEmbedding);
  }

  get #isEmbedding(): boolean {
    return operations[this.#input.codec.protocol] === "embed";
  }

  #read(): { readonly input: number; readonly output: number } {
    const { rope } = this.#input.body;
    this.#tokens ??= {
      input: Math.ceil(rope.withBytes(countTokens)),
      output: this.#isEmbedding ? 0 : outputOf(this.#input),
    };
    return this.#tokens;
  }
}

function outputOf({ body: { rope, object } }: ExchangeInput): number {
  const figures: unknown[] = outputFields.map((name) => readField(rope, object, name));
  const answers: unknown[] = [readField(rope, object, "n")];
  for (const [outer, inner] of nestedFields) {
    const value = readField(rope, object, outer);
    if (!isJsonObject(value)) continue;
    figures.push(own(value, inner));
    answers.push(own(value, "candidateCount"));
  }
  const count = answers.find((each) => typeof each === "number" && each > 1) ?? 1;
  const given = figures.filter((figure) => typeof figure === "number" && figure > 0 && figure < 1e9) as number[];
  const each = given.length === 0 ? usualOutput : Math.max(...given);
  return Math.ceil(each) * Math.min(Math.floor(count as number), mostAnswers);
}
