import { fileURLToPath } from "node:url";
import type { StartExtra } from "./targets.ts";
import { type Child, numberOf } from "./child.ts";

/** What a process holds after a full collection, in bytes. */
export interface Heap {
  readonly heapUsed: number;
  readonly external: number;
  readonly rss: number;
}

/** Starts a Node process so that `heapOf` can ask it. */
export const watched: StartExtra = {
  nodeFlags: ["--expose-gc", "--import", fileURLToPath(new URL("heap-door.ts", import.meta.url))],
  ipc: true,
};

export function heapOf(child: Child): Promise<Heap> {
  return child.ask("heap", (answer) => {
    if (answer["collected"] !== true) throw new Error("The process could not be made to collect its garbage.");
    return {
      heapUsed: numberOf(answer, "heapUsed"),
      external: numberOf(answer, "external"),
      rss: numberOf(answer, "rss"),
    };
  });
}
