/** Cases of protocols that we do not speak. */
export function outOfScope(fn: string): string | undefined {
  return fn.includes("Interactions") ? "Google's Interactions API is another protocol (decision 0011)." : undefined;
}

/** What we decide otherwise than the other project: a part of the test's name, the path or its beginning, why. */
const decisions: readonly (readonly [test: string, path: string, reason: string])[] = [];

/** The reason why an assertion need not hold. */
export function decidedOtherwise(test: string, path: string): string | undefined {
  return decisions.find(([name, start]) => test.includes(name) && path.startsWith(start))?.[2];
}
