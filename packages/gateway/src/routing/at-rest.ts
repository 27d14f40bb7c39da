import { unknownHealth } from "./health.ts";
import { Rota } from "./rota.ts";
import type { RoutingState } from "./types.ts";

/** A gateway that has just begun: all targets are well, nobody had a turn, and of several the first are drawn. */
export const atRest: RoutingState = {
  health: unknownHealth,
  rota: new Rota(),
  random: () => 0,
};
