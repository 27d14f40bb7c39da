import { compact } from "../kernel/json.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Service } from "./runtime.ts";

/** Most of what is told at a time. */
const most = 200;

/** What keeps requests from targets at the moment: pauses, open circuits and failing health checks. Waits are in ms. */
export function ailmentsOf({ relay }: Pick<Service, "relay">): readonly JsonObject[] {
  return relay.health
    .ailments()
    .slice(0, most)
    .map((ailment) => compact({ ...ailment }));
}
