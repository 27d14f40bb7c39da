import type { Child } from "./child.ts";
import { type Heap, heapOf, watched } from "./heap.ts";
import { runLoad } from "./load.ts";
import { slope } from "./statistics.ts";
import type { Target } from "./targets.ts";

export interface SoakSample extends Heap {
  readonly requests: number;
}

export interface Soak {
  readonly samples: readonly SoakSample[];
  /** Bytes of heap a request, over the second half of the samples. */
  readonly heapSlope: number;
}

const samples = 30;

/** Sends so many 1 KB requests through a fresh process of the target and watches its heap. */
export async function soak(
  places: { readonly load: Child; readonly upstream: string; readonly target: Target },
  count: number,
): Promise<Soak> {
  await using running = await places.target.start(places.upstream, watched);
  const { child, place } = running;
  if (child === undefined) throw new Error("Only a process has a heap.");
  const taken: SoakSample[] = [];
  const step = Math.ceil(count / samples);
  for (let sent = 0; sent < count;) {
    await runLoad(places.load, {
      place,
      body: "small",
      count: step,
      concurrency: 16,
    });
    sent += step;
    const heap = await heapOf(child);
    taken.push({ requests: sent, heapUsed: heap.heapUsed, external: heap.external, rss: heap.rss });
    process.stderr.write(`\rsoak: ${sent} of ${count} requests, heap ${(heap.heapUsed / 1e6).toFixed(2)} MB `);
  }
  process.stderr.write("\n");
  const half = taken.slice(Math.floor(taken.length / 2));
  return {
    samples: taken,
    heapSlope: slope(half.map(({ requests, heapUsed }) => ({ x: requests, y: heapUsed }))),
  };
}
