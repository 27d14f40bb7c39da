/**
 * Positions, those of the least scores first. Only so many are put in order, since nobody asks for more; the others
 * follow as they stand. Of equals the first goes first.
 */
export function leastFirst(scores: readonly number[], most: number): readonly number[] {
  const order = scores.map((_score, index) => index);
  const end = Math.min(most, order.length - 1);
  for (let place = 0; place < end; place++) {
    let best = place;
    for (let index = place + 1; index < order.length; index++) {
      if (scoreAt(scores, order, index) < scoreAt(scores, order, best)) best = index;
    }
    // What is passed over keeps its order.
    for (let index = best; index > place; index--) swap(order, index);
  }
  return order;
}

function scoreAt(scores: readonly number[], order: readonly number[], place: number): number {
  return scores[order[place] ?? 0] ?? 0;
}

function swap(order: number[], place: number): void {
  const before = order[place - 1] ?? 0;
  order[place - 1] = order[place] ?? 0;
  order[place] = before;
}
