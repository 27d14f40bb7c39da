import { writeFile } from "node:fs/promises";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { cpuSource } from "./accounting.ts";
import { judge } from "./figures.ts";
import { peerNames, preparePeers } from "./peers.ts";
import { run } from "./run.ts";
import { rounds, translationRuns, warmUp } from "./scenarios.ts";
import { soak } from "./soak.ts";
import { figureTable, rowTable, sideTable, translationTable } from "./table.ts";
import { startLoad, startUpstream, targets } from "./targets.ts";

const help = `Measures the gateway beside a direct call and a bare node:http + undici relay, all in one run.

  npm run bench -- [--peers ${peerNames.join(",")}] [--json FILE] [--quick] [--soak REQUESTS]

  --peers   also measures other gateways, installed once into the system's temporary folder
  --json    writes all figures to a file
  --quick   ${rounds.quick} rounds instead of ${rounds.full}
  --soak    only sends so many 1 KB requests and watches the gateway's heap (300000 is the figure's own number)`;

const { values: options } = parseArgs({
  options: {
    peers: { type: "string", default: "" },
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    soak: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

// Exiting kills every process that was started; see child.ts.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));

const say = (words: string): void => {
  process.stderr.write(`bench: ${words}\n`);
};

const machine = {
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  kernel: release(),
  node: process.version,
  cpuSource,
};

async function save(result: object): Promise<void> {
  if (options.json === undefined) return;
  await writeFile(options.json, `${JSON.stringify({ at: new Date().toISOString(), machine, ...result }, null, 2)}\n`);
}

async function main(): Promise<number> {
  const peers = await preparePeers(options.peers.split(",").filter((name) => name !== ""));
  await using upstream = await startUpstream();
  await using load = await startLoad();
  console.log(
    `${machine.cores} x ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}; CPU from ${cpuSource}`,
  );
  if (options.soak !== undefined) {
    const result = await soak({ load, upstream: upstream.url, target: targets.gateway }, Number(options.soak));
    const figures = judge({ rows: [], idle: {}, startup: {}, translations: [], heapSlope: result.heapSlope });
    console.log(figureTable(figures.filter((figure) => figure.measured !== undefined)));
    await save({ figures, soak: result });
    return 0;
  }
  const all = [targets.direct, targets.relay, targets.gateway, targets.translating, ...peers];
  const pace = options.quick ? "quick" : "full";
  const count = rounds[pace];
  const found = await run({
    load,
    upstream: upstream.url,
    targets: all,
    rounds: count,
    warmUp: warmUp[pace],
    translationRuns: translationRuns[pace],
    say,
  });
  const figures = judge(found);
  console.log(
    `medians over ${count} rounds\n\n${rowTable(found.rows)}\n\n${sideTable(found)}\n\n${translationTable(found.translations)}\n\n${figureTable(figures)}`,
  );
  await save({ rounds: count, ...found, figures });
  for (const [name, reason] of Object.entries(found.failed)) console.error(`\n${name} was not measured: ${reason}`);
  return Object.keys(found.failed).length > 0 ? 1 : 0;
}

if (options.help) console.log(help);
else {
  try {
    process.exitCode = await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
