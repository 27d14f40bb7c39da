import type { Clock } from "../kernel/clock.ts";

/** The one place that reads the machine's time; everything else is given a clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
