import { existsSync } from "node:fs";
import { environmentFromProcess } from "../config/environment.ts";
import { documentCandidates, findDocument } from "../config/paths.ts";
import { processOutput } from "./output.ts";
import { start } from "./start.ts";

export async function run(args: readonly string[]): Promise<number> {
  const environment = environmentFromProcess();
  const directory = process.cwd();
  const flag = (name: string) => {
    const at = args.indexOf(name);
    return at === -1 ? undefined : args[at + 1];
  };
  const file = findDocument(documentCandidates(flag("--config"), { environment, directory }), existsSync);
  const port = flag("--port");
  const dataDir = flag("--data-dir");
  return start(
    {
      file,
      environment,
      directory,
      overrides: {
        ...(port === undefined ? {} : { port }),
        ...(dataDir === undefined ? {} : { dataDir }),
        ...(args.includes("--no-detect") ? { detect: false } : {}),
      },
    },
    processOutput(false),
  );
}
