import { unknownHealth } from "./health.ts";
import type { RoutingState } from "./types.ts";

const nobody: ReadonlyMap<string, number> = new Map();

/** A gateway that has just begun: all targets are well, nobody had a turn, and of several the first are drawn. */
export const atRest: RoutingState = {
  health: unknownHealth,
  rota: { due: () => nobody, targetOf: () => undefined },
  random: () => 0,
};
