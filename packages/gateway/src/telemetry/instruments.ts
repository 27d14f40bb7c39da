import { Counter, Family, Histogram, type Description } from "./families.ts";

/** Seconds; doubling from 10 ms to 82 s, as OpenTelemetry's GenAI conventions advise for durations. */
const durationBuckets = Array.from({ length: 14 }, (_, power) => (10 * 2 ** power) / 1000);
/** Tokens; powers of 4 up to 67 million, as the same conventions advise. */
const tokenBuckets = Array.from({ length: 14 }, (_, power) => 4 ** power);
/** Seconds until the first token; the conventions' finer steps below a second. */
const firstTokenBuckets = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60,
];

const call = ["gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model"];

const counter = (description: Description): Family<Counter> => new Family(description, () => new Counter());
const histogram = (description: Description, boundaries: readonly number[]): Family<Histogram> =>
  new Family(description, () => new Histogram(boundaries));

/**
 * All that is counted as it happens. Names are those of OpenTelemetry's GenAI semantic conventions
 * (open-telemetry/semantic-conventions-genai, status Development) where it has one.
 */
export function createInstruments() {
  return {
    counters: {
      requests: counter({
        name: "patchbay.requests",
        help: "Requests of clients, by what became of them.",
        unit: "",
        labels: ["surface", "model", "status", "failure"],
      }),
      attempts: counter({
        name: "patchbay.upstream.attempts",
        help: "Tries at upstreams, by what became of them.",
        unit: "",
        labels: ["endpoint", "outcome"],
      }),
      failovers: counter({
        name: "patchbay.failovers",
        help: "Moves of a request from a failed endpoint to the next one.",
        unit: "",
        labels: ["from", "to", "reason"],
      }),
      cost: counter({
        name: "patchbay.cost.usd",
        help: "Cost of answers whose price is known, in US dollars.",
        unit: "",
        labels: ["model", "endpoint"],
      }),
      unpriced: counter({
        name: "patchbay.cost.unknown",
        help: "Answers whose cost is not known, because a price or a token count is missing.",
        unit: "",
        labels: ["model", "endpoint"],
      }),
    },
    histograms: {
      requestDuration: histogram(
        {
          name: "gen_ai.server.request.duration",
          help: "From a request's first byte to its answer's last.",
          unit: "s",
          labels: [...call, "error.type"],
        },
        durationBuckets,
      ),
      firstToken: histogram(
        {
          name: "gen_ai.server.time_to_first_token",
          help: "From a request's first byte to its answer's first meaningful event.",
          unit: "s",
          labels: call,
        },
        firstTokenBuckets,
      ),
      operationDuration: histogram(
        {
          name: "gen_ai.client.operation.duration",
          help: "Duration of one try at an upstream.",
          unit: "s",
          labels: [...call, "error.type"],
        },
        durationBuckets,
      ),
      tokens: histogram(
        {
          name: "gen_ai.client.token.usage",
          help: "Tokens of an answer, as the upstream counted them.",
          unit: "{token}",
          labels: [...call, "gen_ai.token.type"],
        },
        tokenBuckets,
      ),
    },
  };
}

export type Instruments = ReturnType<typeof createInstruments>;
