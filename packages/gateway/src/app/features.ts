import { adapt } from "../features/adapt/index.ts";
import { ReasoningVault } from "../features/reasoning-vault/index.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Feature } from "../kernel/feature.ts";

/** What stands between the codecs, in the order in which a request passes it. */
export function features(clock: Clock): readonly Feature[] {
  return [new ReasoningVault(clock), adapt];
}
