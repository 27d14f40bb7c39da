import type { Demand } from "../limits/demand.ts";
import type { Price } from "../kernel/usage.ts";
import { isJsonObject, own } from "../kernel/json.ts";
import { readField } from "../wire/json-scan.ts";
import type { ExchangeInput } from "./types.ts";

/** Bytes of a request for each token of it: text of English or code, with what JSON adds. */
const bytesPerToken = 4;

/** Where the protocols say how many tokens an answer may have, and how many answers are wanted. */
const outputFields = ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const;
const nestedFields = [
  ["options", "num_predict"],
  ["generationConfig", "maxOutputTokens"],
] as const;
const mostAnswers = 16;

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

  /** Input and, where the request says how much it may be, output. */
  readonly tokens = (): number => {
    const { input, output } = this.#read();
    return input + output;
  };

  /** In micro-dollars, at the dearest target of the plan; 0 where no price is known. */
  readonly money = (): number => {
    const { plan } = this.#input;
    const { input, output } = this.#read();
    const costs = plan.attempts.map(({ endpoint, model }) => {
      const { input: read = 0, output: written = 0 } = plan.model.facts.price ?? this.#price(endpoint, model) ?? {};
      return Math.ceil(input * read + output * written);
    });
    return Math.max(0, ...costs);
  };

  #read(): { readonly input: number; readonly output: number } {
    const { rope } = this.#input.body;
    this.#tokens ??= { input: Math.ceil(rope.length / bytesPerToken), output: outputOf(this.#input) };
    return this.#tokens;
  }
}

function outputOf({ body: { rope, object } }: ExchangeInput): number {
  const figures: unknown[] = outputFields.map((name) => readField(rope, object, name));
  for (const [outer, inner] of nestedFields) {
    const value = readField(rope, object, outer);
    if (isJsonObject(value)) figures.push(own(value, inner));
  }
  const answers = readField(rope, object, "n");
  const count = typeof answers === "number" && answers > 1 ? Math.min(Math.floor(answers), mostAnswers) : 1;
  const given = figures.filter((figure) => typeof figure === "number" && figure > 0 && figure < 1e9) as number[];
  return Math.ceil(Math.max(0, ...given)) * count;
}
