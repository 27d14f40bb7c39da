import type { Child } from "./child.ts";
import type { Findings } from "./figures.ts";
import { watched } from "./heap.ts";
import { assertFaithful, type IdleCost, idleCost, takeTurn, type Turn } from "./measure.ts";
import { type Row, rowsOf } from "./report.ts";
import { idleRounds, idleStreams, scenarios, starts } from "./scenarios.ts";
import { median } from "./statistics.ts";
import { translationCosts } from "./translation.ts";
import { type RunningTarget, type Target, targets } from "./targets.ts";

export interface Field {
  readonly load: Child;
  /** Origin of the mock upstream. */
  readonly upstream: string;
  readonly targets: readonly Target[];
  readonly rounds: number;
  /** How many times a round's count goes before the first. */
  readonly warmUp: number;
  readonly translationRuns: number;
  /** Says what is going on. */
  readonly say: (words: string) => void;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** All scenarios; in each, the targets take turns round by round, so that the machine's drift strikes all alike. */
async function measureRows(field: Field, running: ReadonlyMap<string, RunningTarget>): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    field.say(scenario.name);
    const turns = new Map<string, Turn[]>([...running.keys()].map((name) => [name, []]));
    for (const target of running.values())
      await takeTurn(field.load, target, { ...scenario, count: scenario.count * field.warmUp });
    for (let round = 0; round < field.rounds; round += 1) {
      for (const [name, target] of running) turns.get(name)?.push(await takeTurn(field.load, target, scenario));
    }
    rows.push(...rowsOf(scenario, turns));
  }
  return rows;
}

/** Medians over fresh processes, one after the other. */
async function measureFresh(field: Field, names: readonly string[]): Promise<Pick<Findings, "idle" | "startup">> {
  const idle: { [target: string]: IdleCost } = {};
  const startup: { [target: string]: number } = {};
  for (const target of field.targets.filter(({ name }) => names.includes(name) && name !== targets.direct.name)) {
    field.say(`start-up and idle streams of ${target.name}`);
    const times: number[] = [];
    for (let round = 0; round < starts; round += 1) {
      await using running = await target.start(field.upstream);
      times.push(running.child?.startup ?? Number.NaN);
    }
    startup[target.name] = median(times);
    const costs: IdleCost[] = [];
    for (let round = 0; round < idleRounds; round += 1) {
      await using running = await target.start(field.upstream, watched);
      costs.push(await idleCost(field.load, running, idleStreams));
    }
    idle[target.name] = {
      resident: median(costs.map((cost) => cost.resident)),
      held: median(costs.map((cost) => cost.held)),
    };
  }
  return { idle, startup };
}

/**
 * Measures every target that starts and answers rightly; tells of the others in `failed`, by name.
 */
export async function run(
  field: Field,
): Promise<Findings & { readonly failed: { readonly [target: string]: string } }> {
  await using stack = new AsyncDisposableStack();
  const running = new Map<string, RunningTarget>();
  const failed: { [target: string]: string } = {};
  const direct = await targets.direct.start(field.upstream);
  for (const target of field.targets) {
    try {
      const started = stack.use(await target.start(field.upstream));
      await assertFaithful(field.load, started, direct);
      running.set(target.name, started);
    } catch (error) {
      failed[target.name] = message(error);
      field.say(`${target.name} takes no part; the reason stands at the end`);
    }
  }
  const rows = await measureRows(field, running);
  const fresh = await measureFresh(field, [...running.keys()]);
  field.say("translations within this process");
  return { rows, ...fresh, translations: translationCosts(field.translationRuns), failed };
}
