import type { Clock } from "../kernel/clock.ts";

/** The one place that reads the machine's time; everything else is given a clock. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** The one source of chance where nothing depends on its being unforeseeable: from 0 to 1, the latter left out. */
export const systemRandom = (): number => Math.random();
