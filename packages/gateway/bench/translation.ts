import { codecs } from "../src/app/codecs.ts";
import { operations } from "../src/kernel/protocol.ts";
import { cpuOf } from "./accounting.ts";
import { conversation } from "./conversation.ts";
import { codecOf, translator } from "./translator.ts";

/** What translating a long conversation costs within this process, for every pair of protocols that generate text. */

export interface PairCost {
  /** The client's protocol and the backend's. */
  readonly pair: string;
  /** Milliseconds of CPU for 1 MB: 500 messages and 40 tools. */
  readonly small: number;
  /** The same for 4 MB of the same kind. */
  readonly large: number;
}

const largeSize = 4;

/** Milliseconds of this process's CPU for each of so many runs: one alone is too short for the system's clock. */
function timeOf(work: () => void, runs: number): number {
  const before = cpuOf(process.pid);
  for (let run = 0; run < runs; run += 1) work();
  return (cpuOf(process.pid) - before) / runs / 1e6;
}

/** The costs of all pairs, the dearest first. The body of each client is what we write to a backend of its protocol. */
export function translationCosts(runs: number): readonly PairCost[] {
  const chat = codecOf("openai-chat");
  const generating = [...codecs.values()].filter(({ protocol }) => operations[protocol] === "generate");
  const bodyOf = (size: number): Buffer => Buffer.from(JSON.stringify(conversation(size)));
  const [small, large] = [bodyOf(1), bodyOf(largeSize)];
  const costs = generating.flatMap((client) => {
    const write = translator(chat, client);
    const [less, more] = client.protocol === chat.protocol ? [small, large] : [write(small), write(large)];
    return generating
      .filter((backend) => backend !== client)
      .map((backend) => {
        const work = translator(client, backend);
        timeOf(() => work(less), runs);
        return {
          pair: `${client.protocol} > ${backend.protocol}`,
          small: timeOf(() => work(less), runs * largeSize),
          large: timeOf(() => work(more), runs),
        };
      });
  });
  return costs.toSorted((one, other) => other.small - one.small);
}

/** Times as much that 4 MB cost as 1 MB do, all pairs together: single ones depend on when garbage is collected. */
export function growthOf(costs: readonly PairCost[]): number {
  const sum = (size: "small" | "large"): number => costs.reduce((total, cost) => total + cost[size], 0);
  return sum("large") / sum("small");
}
