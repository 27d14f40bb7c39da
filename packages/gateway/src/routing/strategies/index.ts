import type { Candidate, Prepared } from "../candidates.ts";
import type { RotaEntry, RoutingFacts, RoutingState, Strategy, VirtualModel } from "../types.ts";
import { byLatency, speedOf } from "./fastest.ts";
import { orderOfTurns, sharesOf } from "./rotation.ts";

/** In which order targets are tried that can all take the request. */
export interface Choice {
  readonly order: readonly Candidate[];
  /** Why the first is the first; absent where its place says it. */
  readonly why?: string;
  readonly entry?: RotaEntry;
}

export interface ChoiceContext {
  readonly model: VirtualModel;
  readonly prepared: Prepared;
  readonly facts: RoutingFacts;
  readonly state: RoutingState;
}

const noTurn = { targets: [], shares: [] } as const;

/** How each strategy spreads requests. One that is not here takes targets as they were prepared. */
const spreads: {
  readonly [Name in Strategy]?: (ready: readonly Candidate[], context: ChoiceContext) => Choice;
} = {
  rotate: (ready, context) => byTurns(ready, context, () => 1),
  weighted: (ready, context) => byTurns(ready, context, ({ weight }) => weight),
  fastest: (ready, { state, model, facts: { stream } }) => {
    const order = byLatency(ready, state, { stream, most: model.attempts });
    const [first] = order;
    return first === undefined ? { order } : { order, why: speedOf(first, state.health, stream) };
  },
};

/** The order of targets that are ready, by the virtual model's strategy. */
export function choose(ready: readonly Candidate[], context: ChoiceContext): Choice {
  const { model, prepared, facts, state } = context;
  const spread = ready.length < 2 ? undefined : spreads[model.strategy];
  if (spread === undefined) return { order: ready };
  const session = prepared.isSticky ? facts.request?.session : undefined;
  if (session === undefined) return spread(ready, context);
  const { key } = session;
  const taken = session.begun ? state.rota.targetOf(model.name, key) : undefined;
  const kept = taken === undefined ? undefined : ready.find((candidate) => candidate.key === taken);
  if (kept !== undefined) {
    const order = [kept, ...ready.filter((candidate) => candidate !== kept)];
    const entry = { ...noTurn, model: model.name, taken: kept.key, session: key };
    return { order, why: "its conversation is there", entry };
  }
  const choice = spread(ready, context);
  const first = choice.order[0]?.key ?? "";
  return { ...choice, entry: { ...noTurn, model: model.name, taken: first, ...choice.entry, session: key } };
}

function byTurns(
  ready: readonly Candidate[],
  { model, state }: ChoiceContext,
  weightOf: (candidate: Candidate) => number,
): Choice {
  const shares = sharesOf(ready.map(weightOf));
  const targets = ready.map(({ key }) => key);
  const due = state.rota.due(model.name);
  const places = orderOfTurns(
    shares,
    targets.map((key) => due.get(key) ?? 0),
    model.attempts,
  );
  const order = places.flatMap((index) => ready[index] ?? []);
  const [first] = order;
  if (first === undefined) return { order };
  const entry = { model: model.name, targets, shares, taken: first.key };
  const share = shares[places[0] ?? 0] ?? 0;
  return { order, why: `its turn, with a share of ${Math.round(share * 100)} %`, entry };
}
