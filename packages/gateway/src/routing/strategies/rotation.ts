import { leastFirst } from "./least.ts";

/** Sums of shares are rounded; less than this is nothing. */
const rounding = 1e-9;

/** Small enough not to count among deadlines: with weights up to 1,000 these differ by a millionth at least. */
const tieBreak = 1e-7;

/**
 * In which order those take part whose shares of all turns are given: the first has this turn, the rest stand in for it.
 *
 * It is the quota method of apportionment (Balinski and Young, 1975): of those that have a turn coming to them, the one
 * that must have it soonest. After every single turn nobody has had a whole turn more or less than its share. The usual
 * smooth weighted round robin, which takes whoever is behind most, misses that by a quarter of a turn and more where one
 * weight is great and the others are small.
 *
 * @param shares Of one turn; their sum is 1.
 * @param due What each has coming to it from the turns before: its share of them, less those it had.
 * @param most So many are put in order.
 * @returns Positions in `shares`.
 */
export function orderOfTurns(shares: readonly number[], due: readonly number[], most: number): readonly number[] {
  const deadlines = shares.map((share, index) => deadlineOf(share, (due[index] ?? 0) + share));
  let first = -1;
  for (let index = 0; index < shares.length; index++) {
    const share = shares[index] ?? 0;
    // What one without a share is owed, it is owed from before a reload.
    const isDue = share > 0 && (due[index] ?? 0) + share > rounding;
    if (isDue && (first === -1 || (deadlines[index] ?? 0) < (deadlines[first] ?? 0))) first = index;
  }
  if (first !== -1) deadlines[first] = -Infinity;
  return leastFirst(deadlines, most);
}

/** In so many turns it would be a whole turn behind. Of equals, whoever is behind most comes first. */
function deadlineOf(share: number, credit: number): number {
  return share === 0 ? Infinity : rounded((1 - credit) / share) - rounded(credit) * tieBreak;
}

/** Rounded, so that equals stay equals. */
function rounded(value: number): number {
  return Math.round(value / rounding) * rounding;
}

/** Weights as shares of a turn. Where nobody has a weight, all have the same share. */
export function sharesOf(weights: readonly number[]): readonly number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => (sum === 0 ? 1 / weights.length : weight / sum));
}
