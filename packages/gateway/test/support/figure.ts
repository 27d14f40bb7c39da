import type { House } from "./house.ts";

/** One figure of a gateway's metrics, by its name with or without labels; NaN when it is not told. */
export async function figure(house: House, name: string): Promise<number> {
  const text = await (await fetch(`${house.url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
  return Number(line?.split(" ").at(-1));
}
