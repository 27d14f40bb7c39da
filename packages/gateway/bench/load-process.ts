import { Pool, type Dispatcher } from "undici";
import type { BodyName } from "./bodies.ts";
import { clients } from "./clients.ts";
import type { LoadOrder, LoadResult, Place, ProbeResult } from "./load.ts";

/** Makes the load, in a process of its own. Any answer that is not the right one ends the run. */

const blankLine = Buffer.from("\n\n");

interface Answered {
  readonly status: number;
  readonly events: number;
  readonly pieces: number;
  readonly bytes: number;
  readonly text: string;
}

function countEvents(chunk: Buffer): number {
  let count = 0;
  for (let place = chunk.indexOf(blankLine); place >= 0; place = chunk.indexOf(blankLine, place + 2)) count += 1;
  return count;
}

function open(pool: Pool, place: Place, body: BodyName, handler: Dispatcher.DispatchHandler): void {
  const headers = { "content-type": "application/json", ...place.headers };
  const client = clients[place.client];
  pool.dispatch({ path: client.path, method: "POST", headers, body: client.bodies[body] }, handler);
}

function send(pool: Pool, place: Place, body: BodyName, keep = false): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let events = 0;
    let pieces = 0;
    let bytes = 0;
    let text = "";
    open(pool, place, body, {
      onRequestStart: () => {},
      onResponseStart: (_controller, code) => {
        status = code;
      },
      onResponseData: (_controller, chunk) => {
        pieces += 1;
        bytes += chunk.length;
        if (body === "stream") events += countEvents(chunk);
        if (keep || status !== 200) text += chunk.toString();
      },
      onResponseEnd: () => resolve({ status, events, pieces, bytes, text }),
      onResponseError: (_controller, error) => reject(error),
    });
  });
}

function assertRight(answered: Answered, place: Place, body: BodyName): void {
  const right =
    answered.status === 200 &&
    (body === "stream" ? answered.events === clients[place.client].events : answered.bytes > 500);
  if (right) return;
  const { status, events, bytes, text } = answered;
  throw new Error(`A wrong answer: status ${status}, ${events} events, ${bytes} bytes. ${text.slice(0, 500)}`);
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function run(order: LoadOrder & { order: "run" }): Promise<LoadResult> {
  const { place, body, count, concurrency } = order;
  const pool = new Pool(place.origin, {
    connections: concurrency,
    pipelining: 1,
    headersTimeout: 60_000,
  });
  const times = new Float64Array(count);
  let started = 0;
  let events = 0;
  let pieces = 0;
  const worker = async (): Promise<void> => {
    while (started < count) {
      const index = started++;
      const begin = performance.now();
      const answered = await send(pool, place, body);
      times[index] = performance.now() - begin;
      assertRight(answered, place, body);
      events += answered.events;
      pieces += answered.pieces;
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - begin) / 1000;
  await pool.close();
  times.sort();
  return { count, seconds, events, pieces, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

let held: Pool | undefined;

async function hold(order: LoadOrder & { order: "hold" }): Promise<{ held: number }> {
  const { place, count } = order;
  const pool = new Pool(place.origin, { pipelining: 1, headersTimeout: 60_000, bodyTimeout: 0 });
  held = pool;
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      open(pool, place, "idle", {
        onRequestStart: () => {},
        onResponseStart: (_controller, code) => {
          if (code !== 200) reject(new Error(`A held stream was answered ${code}.`));
        },
        onResponseData: () => resolve(),
        onResponseEnd: () => reject(new Error("A held stream ended.")),
        onResponseError: (_controller, error) => reject(error),
      });
    });
  // In waves, so that no listener's backlog overflows.
  for (let opened = 0; opened < count; opened += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - opened) }, one));
  }
  return { held: count };
}

async function probe(order: LoadOrder & { order: "probe" }): Promise<ProbeResult> {
  const pool = new Pool(order.place.origin, { connections: 1 });
  const answered = await send(pool, order.place, order.body, true);
  await pool.close();
  return { status: answered.status, body: answered.text };
}

async function obey(order: LoadOrder): Promise<object> {
  if (order.order === "run") return run(order);
  if (order.order === "hold") return hold(order);
  if (order.order === "probe") return probe(order);
  await held?.destroy();
  held = undefined;
  return { held: 0 };
}

process.on("message", (order: LoadOrder) => {
  obey(order).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
console.log("listening url=ipc");
