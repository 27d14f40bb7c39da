import { after, describe, test } from "node:test";
import { catalogue, Scene } from "./catalogue.ts";

/** Runs the catalogue side by side, since its faults mostly wait, and prints how many of them were survived. */
export async function runCatalogue(about: {
  /** Milliseconds that are a second of life. */
  readonly second: number;
  readonly concurrency: number;
}): Promise<void> {
  const scene = await Scene.start(about.second);
  const survived = new Map<string, Set<boolean>>(catalogue.map(({ name }) => [name, new Set()]));
  describe("the catalogue's faults", { concurrency: about.concurrency }, () => {
    for (const { name, run } of catalogue) {
      for (const stream of [true, false]) {
        test(`${name}, ${stream ? "streamed" : "unstreamed"}`, async () => {
          await run(scene, stream);
          survived.get(name)?.add(stream);
        });
      }
    }
  });
  after(async () => {
    await scene[Symbol.asyncDispose]();
    const mark = (passed: boolean | undefined) => (passed === true ? "ok  " : "FAIL");
    const rows = [...survived].map(([name, modes]) => `${mark(modes.has(true))}  ${mark(modes.has(false))}  ${name}`);
    const whole = [...survived.values()].filter(({ size }) => size === 2).length;
    const time = about.second === 1000 ? "in life's time" : `with seconds of ${about.second} ms`;
    console.log(
      ["streamed, unstreamed:", ...rows, `${whole} of ${catalogue.length} faults survived, ${time}`].join("\n"),
    );
  });
}
