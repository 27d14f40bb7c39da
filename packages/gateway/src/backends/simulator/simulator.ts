import type { AnswerEvent } from "../../kernel/event.ts";
import { failure } from "../../kernel/failure.ts";
import { own } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { CanonicalRequest, EmbeddingRequest, GenerationRequest } from "../../kernel/request.ts";
import type { CatalogModel } from "../../routing/types.ts";
import type { EventBackend, Flow } from "../types.ts";
import { behave, simulatorModels } from "./behaviours.ts";
import type { Step } from "./behaviours.ts";
import { hashText, seededRandom } from "./random.ts";

/** Most requests that `fail-once` remembers. */
const remembered = 10_000;

/** Events that are emitted in one go before others get their turn. */
const burst = 64;

const defaultDimensions = 256;
const largestDimensions = 8192;

interface Receiver {
  event(event: AnswerEvent): void;
  end(): void;
}

/**
 * An endpoint for trying, load-testing and rehearsing failures without a provider. The model's name chooses what it
 * does; the same seed and request give the same answer.
 */
export class SimulatorBackend implements EventBackend {
  readonly kind = "events";
  readonly #seed: number;
  readonly #firstToken: number;
  readonly #rate: number;
  readonly #seen = new Set<number>();

  /** @param options `seed`, `firstToken` (milliseconds before the first token of `slow`), `rate` (its tokens per second). */
  constructor(options: JsonObject) {
    this.#seed = numberOption(options, "seed", 1);
    this.#firstToken = numberOption(options, "firstToken", 2000);
    this.#rate = Math.max(numberOption(options, "rate", 20), 0.001);
  }

  run(request: CanonicalRequest, receiver: Receiver): Flow {
    const player = new Player(request.operation === "embed" ? this.#embed(request) : this.#generate(request), receiver);
    player.play();
    return player;
  }

  async models(): Promise<readonly CatalogModel[]> {
    return [
      ...simulatorModels.map((id) => ({
        id,
        facts: { contextWindow: 131_072, tools: true, price: { input: 0, output: 0 } },
      })),
      { id: "embed", facts: { embeddings: true, price: { input: 0, output: 0 } } },
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #generate(request: GenerationRequest): Iterable<Step> {
    const print = hashText(JSON.stringify(request.messages));
    const firstTime = !this.#seen.has(print);
    if (request.model === "fail-once") {
      if (this.#seen.size >= remembered) this.#seen.clear();
      this.#seen.add(print);
    }
    const steps = behave({ request, seed: this.#seed, firstToken: this.#firstToken, rate: this.#rate, firstTime });
    return steps ?? [unknown(request.model)];
  }

  *#embed(request: EmbeddingRequest): Iterable<Step> {
    if (request.model !== "embed") {
      yield unknown(request.model);
      return;
    }
    const dimensions = request.dimensions ?? defaultDimensions;
    if (dimensions > largestDimensions) {
      const message = `The simulator makes at most ${largestDimensions} dimensions.`;
      yield { event: { type: "failure", failure: failure("bad-request", message, { param: "dimensions" }) } };
      return;
    }
    yield { event: { type: "start", model: request.model } };
    for (const [index, input] of request.inputs.entries()) {
      const random = seededRandom(this.#seed ^ hashText(typeof input === "string" ? input : input.join(" ")));
      const raw = Array.from({ length: dimensions }, () => random() * 2 - 1);
      const length = Math.hypot(...raw);
      yield { event: { type: "embedding", index, vector: raw.map((value) => value / length) } };
    }
    const inputTokens = request.inputs.reduce(
      (sum, input) => sum + (typeof input === "string" ? input.split(/\s+/).length : input.length),
      0,
    );
    yield { event: { type: "usage", usage: { inputTokens } } };
  }
}

/** Plays steps in time, and stops while its reader is slow. */
class Player implements Flow {
  readonly #steps: Iterator<Step>;
  readonly #receiver: Receiver;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #due: AnswerEvent | undefined;
  #paused = false;
  #over = false;

  constructor(steps: Iterable<Step>, receiver: Receiver) {
    this.#steps = steps[Symbol.iterator]();
    this.#receiver = receiver;
  }

  play(): void {
    for (let count = 0; !this.#over && !this.#paused && this.#timer === undefined; count++) {
      if (this.#due !== undefined) {
        const event = this.#due;
        this.#due = undefined;
        this.#emit(event);
        continue;
      }
      if (count === burst) {
        this.#immediate = setImmediate(() => this.play());
        return;
      }
      const next = this.#steps.next();
      if (next.done === true) {
        this.#over = true;
        return this.#receiver.end();
      }
      const step = next.value;
      if ("hang" in step) {
        this.#over = true;
        return;
      }
      if (step.delay === undefined || step.delay === 0) this.#emit(step.event);
      else {
        this.#due = step.event;
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.play();
        }, step.delay);
      }
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    clearImmediate(this.#immediate);
    this.#immediate = setImmediate(() => this.play());
  }

  cancel(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
  }

  #emit(event: AnswerEvent): void {
    if (event.type === "failure") this.#over = true;
    this.#receiver.event(event);
  }
}

function unknown(model: string): Step {
  const message = `The simulator has no model '${model.slice(0, 100)}'; it has ${simulatorModels.join(", ")} and embed.`;
  return { event: { type: "failure", failure: failure("model-not-found", message, { param: "model" }) } };
}

function numberOption(options: JsonObject, name: string, fallback: number): number {
  const value = own(options, name);
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}
