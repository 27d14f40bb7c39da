import { initial } from "./0001-initial.ts";
import { keyLimits } from "./0002-key-limits.ts";
import { route } from "./0003-route.ts";

/**
 * Every schema that was ever released, oldest first: the position, from 1, is the schema's number. Append only: a
 * released migration is never edited, since databases in the field have already run it.
 */
export const migrations: readonly string[] = [initial, keyLimits, route];
