import { setTimeout as sleep } from "node:timers/promises";
import { cpuOf, memoryOf } from "./accounting.ts";
import type { Child } from "./child.ts";
import { heapOf } from "./heap.ts";
import { clients } from "./clients.ts";
import { holdStreams, type LoadResult, type Place, probe, type ProbeResult, releaseStreams, runLoad } from "./load.ts";
import type { Scenario } from "./scenarios.ts";
import type { RunningTarget } from "./targets.ts";

/** One target's turn in one round. */
export interface Turn extends LoadResult {
  /** Nanoseconds on a CPU for each request or event; absent for the direct call. */
  readonly cpu?: number;
  /** Resident bytes after the load. */
  readonly memory?: number;
}

/** After the load, work that was put off (ledger batches, collection) still belongs to it. */
const settleTime = 300;

/** Puts one round's load on a target and reads its account before and after. */
export async function takeTurn(load: Child, target: RunningTarget, scenario: Scenario): Promise<Turn> {
  const pid = target.child?.pid;
  const before = pid === undefined ? 0 : cpuOf(pid);
  const { body, count, concurrency } = scenario;
  const result = await runLoad(load, {
    place: target.place,
    body,
    count,
    concurrency,
  });
  if (pid === undefined) return result;
  await sleep(settleTime);
  const units = scenario.unit === "event" ? result.events : result.count;
  return { ...result, cpu: (cpuOf(pid) - before) / units, memory: memoryOf(pid) };
}

function contentOf(answer: ProbeResult, { client }: Place): string {
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.slice(0, 300)}`);
  return JSON.stringify(clients[client].told(JSON.parse(answer.body)));
}

/** Throws unless the target's answers mean what the upstream's own mean, for a small and a large request. */
export async function assertFaithful(load: Child, target: RunningTarget, direct: RunningTarget): Promise<void> {
  for (const body of ["small", "check-small", "check-large"] as const) {
    const truth = contentOf(await probe(load, direct.place, body), direct.place);
    const told = contentOf(await probe(load, target.place, body), target.place);
    if (told !== truth) throw new Error(`answers ${body} wrongly: ${told} where the upstream says ${truth}`);
  }
}

/** What each of many open, silent streams costs, in bytes. */
export interface IdleCost {
  /** Growth of resident memory, garbage of their opening and all. */
  readonly resident: number;
  /** Growth of the heap and what hangs on it, both after a full collection. */
  readonly held: number;
}

/** Opens streams to a fresh process that did little before and compares its memory; `target` was started as `watched`. */
export async function idleCost(load: Child, target: RunningTarget, streams: number): Promise<IdleCost> {
  const { place, child } = target;
  if (child === undefined) throw new Error("Only a process has memory.");
  await runLoad(load, { place, body: "small", count: 200, concurrency: 8 });
  await holdStreams(load, place, 20);
  await releaseStreams(load);
  await sleep(1000);
  const closed = await heapOf(child);
  const before = memoryOf(child.pid);
  await holdStreams(load, place, streams);
  await sleep(2000);
  const after = memoryOf(child.pid);
  const open = await heapOf(child);
  await releaseStreams(load);
  const held = open.heapUsed + open.external - closed.heapUsed - closed.external;
  return { resident: (after - before) / streams, held: held / streams };
}
