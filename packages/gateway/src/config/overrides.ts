import type { Environment } from "./environment.ts";
import type { Path } from "./path.ts";
import type { Origin } from "./problems.ts";

/** What the command line said. */
export interface Overrides {
  readonly host?: string;
  readonly port?: string | number;
  readonly dataDir?: string;
  readonly detect?: boolean;
  readonly logLevel?: string;
}

interface Row {
  readonly path: Path;
  readonly flag?: Exclude<keyof Overrides, "dataDir">;
  /** How the flag is written. */
  readonly flagName?: string;
  /** The first that is set is used. */
  readonly variables: readonly string[];
}

const rows: readonly Row[] = [
  {
    path: ["server", "host"],
    flag: "host",
    flagName: "--host",
    variables: ["PATCHBAY_HOST", "HOST"],
  },
  {
    path: ["server", "port"],
    flag: "port",
    flagName: "--port",
    variables: ["PATCHBAY_PORT", "PORT"],
  },
  {
    path: ["log", "level"],
    flag: "logLevel",
    flagName: "--log-level",
    variables: ["PATCHBAY_LOG_LEVEL", "LOG_LEVEL"],
  },
  { path: ["detect"], flag: "detect", flagName: "--no-detect", variables: ["PATCHBAY_DETECT"] },
  { path: ["store"], variables: ["PATCHBAY_STORE"] },
  { path: ["access", "open"], variables: ["PATCHBAY_OPEN"] },
];

/** A value that goes before the document's. */
export interface Override {
  readonly path: Path;
  readonly value: string | number | boolean;
  readonly origin: Origin;
}

/** What flags and variables say, flags first; one value for a place at most. */
export function overridesOf(overrides: Overrides, environment: Environment): readonly Override[] {
  const found: Override[] = [];
  for (const { path, flag, flagName, variables } of rows) {
    const given = flag === undefined ? undefined : overrides[flag];
    if (given !== undefined) {
      found.push({ path, value: given, origin: { file: "command line", name: flagName ?? "" } });
      continue;
    }
    const name = variables.find((variable) => isMeantForUs(environment.get(variable)));
    const value = name === undefined ? undefined : environment.get(name);
    if (name !== undefined && value !== undefined) {
      found.push({ path, value: value.trim(), origin: { file: "environment", name } });
    }
  }
  return found;
}

/** Kubernetes sets PATCHBAY_PORT=tcp://... in the pods beside a service that is named patchbay. */
function isMeantForUs(value: string | undefined): boolean {
  return value !== undefined && !/^(tcp|udp|sctp):\/\//.test(value);
}
