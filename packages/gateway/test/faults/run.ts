/**
 * The whole fault suite: every file in which a row of `rows.ts` is shown, and the catalogue once more in life's own time.
 * The latter mostly waits, so that all of it runs side by side.
 *
 * node test/faults/run.ts
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { rows } from "./rows.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shown = rows.flatMap(({ shownBy }) => shownBy.map(([file]) => file)).filter((file) => file.endsWith(".test.ts"));
// The longest first.
const files = [
  ...globSync("test/faults/*.slow.ts", { cwd: root }),
  ...globSync("test/faults/*.test.ts", { cwd: root }),
  ...shown,
];
const flags = ["--test", "--test-concurrency=3", "--test-reporter=spec"];
const { status } = spawnSync(process.execPath, [...flags, ...new Set(files)], { cwd: root, stdio: "inherit" });
process.exitCode = status ?? 1;
