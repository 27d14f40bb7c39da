import { Secret } from "../kernel/secret.ts";
import { plainModel } from "../routing/types.ts";
import type { VirtualModel } from "../routing/types.ts";
import type { Environment } from "./environment.ts";
import type { Path } from "./path.ts";
import type { AccessSettings, EndpointSettings } from "./types.ts";

/**
 * Variables of the programs that Patchbay follows after. They stand behind the document: what it says goes first.
 */
interface SettingRow {
  /** The first that is set is used. */
  readonly variables: readonly string[];
  readonly path: Path;
  /** The variable's text as the document would say it; undefined when it makes no sense. */
  readonly read: (text: string) => string | readonly string[] | undefined;
  readonly expected: string;
}

export const settingRows: readonly SettingRow[] = [
  {
    variables: ["CORS_ORIGINS", "CORS_ORIGIN"],
    path: ["server", "cors", "origins"],
    read: readOrigins,
    expected: 'must be a list of origins, with commas or as JSON, or "*"',
  },
  {
    variables: ["MAX_TIMEOUT"],
    path: ["server", "timeouts", "total"],
    read: (text) => (/^\d+$/.test(text) ? text : undefined),
    expected: "must be a whole number of milliseconds",
  },
  {
    variables: ["SSE_KEEPALIVE_INTERVAL"],
    path: ["server", "keepalive"],
    read: (text) => (/^\d+$/.test(text) ? `${text}s` : undefined),
    expected: "must be a whole number of seconds",
  },
];

function readOrigins(text: string): readonly string[] | undefined {
  if (!text.startsWith("["))
    return text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Variables that hold a key which clients must show. */
const keyVariables = ["PROXY_API_KEY", "API_KEY"] as const;

/** The client keys that the environment fixes. */
export function fixedKeys(environment: Environment): AccessSettings["fixedKeys"] {
  return keyVariables.flatMap((name) => {
    const key = environment.get(name)?.trim();
    return key === undefined ? [] : [{ name, key: new Secret(key) }];
  });
}

/** A virtual model that stands ready when all the keys of its endpoints are there. */
interface ModelRow {
  readonly name: { readonly variable: string; readonly fallback: string };
  readonly timeout: string;
  readonly targets: readonly {
    readonly type: string;
    readonly key: string;
    readonly model: { readonly variable: string; readonly fallback: string };
  }[];
}

const modelRows: readonly ModelRow[] = [
  {
    name: { variable: "PROXY_MODEL_NAME", fallback: "qwen-3-coder" },
    timeout: "REQUEST_TIMEOUT",
    targets: [
      {
        type: "cerebras",
        key: "CEREBRAS_API_KEY",
        model: { variable: "CEREBRAS_MODEL_NAME", fallback: "qwen-3-coder-480b" },
      },
      {
        type: "chutes",
        key: "CHUTES_API_KEY",
        model: {
          variable: "CHUTES_MODEL_NAME",
          fallback: "Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8",
        },
      },
    ],
  },
];

export interface SeedModels {
  readonly models: readonly VirtualModel[];
  /** Milliseconds until the first event or byte of an answer, by the type of a detected endpoint. */
  readonly timeouts: ReadonlyMap<string, number>;
  readonly notes: readonly string[];
  /** Variables whose value makes no sense. */
  readonly problems: readonly { readonly name: string; readonly message: string }[];
}

/** The virtual models that the environment alone sets up. `taken` are the document's names and aliases. */
export function seedModels(
  environment: Environment,
  endpoints: readonly EndpointSettings[],
  taken: ReadonlySet<string>,
): SeedModels {
  const models: VirtualModel[] = [];
  const timeouts = new Map<string, number>();
  const notes: string[] = [];
  const problems: { name: string; message: string }[] = [];
  for (const row of modelRows) {
    if (!row.targets.every(({ key }) => environment.has(key))) continue;
    const timeout = readTimeout(environment.get(row.timeout));
    const own = row.targets.map(({ type }) => type).filter((type) => isDetected(type, endpoints));
    if (timeout === "invalid") {
      problems.push({ name: row.timeout, message: "must be a whole number of milliseconds" });
    } else if (timeout !== undefined && own.length > 0) {
      for (const type of own) timeouts.set(type, timeout);
      notes.push(`${row.timeout}: how long an answer of ${own.join(" and ")} may take to begin`);
    }
    for (const { variable } of [row.name, ...row.targets.map(({ model }) => model)]) {
      const given = environment.get(variable)?.trim() ?? "";
      if (/[*\p{Cc}]/u.test(given) || given.length > 256) {
        problems.push({ name: variable, message: "must be a model name" });
      }
    }
    const name = valueOf(row.name, environment);
    const targets = row.targets.flatMap(({ type, model }) => {
      const endpoint = endpoints.find((candidate) => candidate.type === type && candidate.enabled);
      const actual = valueOf(model, environment);
      return endpoint === undefined ? [] : [{ endpoint: endpoint.name, model: actual }];
    });
    if (taken.has(name) || targets.length === 0) continue;
    models.push(plainModel(name, targets));
    const route = targets.map(({ endpoint }) => endpoint).join(", then ");
    notes.push(`${row.targets.map(({ key }) => key).join(" and ")}: model ${name} (${route})`);
  }
  return { models, timeouts, notes, problems };
}

const isDetected = (type: string, endpoints: readonly EndpointSettings[]): boolean =>
  endpoints.some((endpoint) => endpoint.type === type && endpoint.detected);

/** Milliseconds, within what Node's timers can wait. */
function readTimeout(text: string | undefined): number | "invalid" | undefined {
  if (text === undefined) return undefined;
  const milliseconds = /^\d{1,10}$/.test(text.trim()) ? Number(text) : 0;
  return milliseconds >= 1 && milliseconds <= 2_147_483_647 ? milliseconds : "invalid";
}

function valueOf(row: { readonly variable: string; readonly fallback: string }, environment: Environment): string {
  return environment.get(row.variable)?.trim() ?? row.fallback;
}

/** Variables that a later version will honour. */
const laterVariables: readonly RegExp[] = [
  /^QODER_(PERSONAL_ACCESS_TOKEN|TIMEOUT_MS|MAX_OUTPUT_TOKENS|CLI_PATH)$/,
  /^DASHBOARD_(PASSWORD|ENABLED)$/,
  /^(CLAUDE|GEMINI|QWEN|CODEX)_CLI_PATH$/,
  /^(GEMINI_MODEL|QWEN_MODELS?|SKIP_CLI_VERIFICATION)$/,
  // Patchbay has no such routes.
  /^RATE_LIMIT_(DEBUG|SESSION)_PER_MINUTE$/,
  /^PREWARM_(STRATEGY|REFRESH_SECONDS|PERSISTENT_THRESHOLD|IDLE_TIMEOUT)$/,
  /^CLEANUP_(SESSIONS|DELAY_MINUTES)$/,
  /^XML_(CONFIDENCE_THRESHOLD|KNOWN_TOOLS)$/,
  /^(SHOW_PROGRESS_MARKERS|PROGRESS_STYLE)$/,
  /^(AUTH_ENABLED|AIMENU_URL|USE_AI_QUEUE|AI_QUEUE_(URL|API_KEY|PRIORITY))$/,
];

/** What is set and does nothing yet, in words for the banner. */
export function unusedNotes(environment: Environment): readonly string[] {
  return [...environment.keys()]
    .filter((name) => laterVariables.some((pattern) => pattern.test(name)))
    .toSorted()
    .map((name) => `${name} is set, but this version does not use it yet`);
}

/**
 * How long the seed's limiter stays away from Cerebras after a 429: `COOLDOWN_PERIOD`, in milliseconds. It stands for
 * refusals that name no time of their own.
 */
export function seedCooldown(environment: Environment): {
  readonly type: string;
  readonly cooldown?: number;
  readonly problem?: { readonly name: string; readonly message: string };
} {
  const name = "COOLDOWN_PERIOD";
  const text = environment.get(name);
  const type = "cerebras";
  if (text === undefined || text === "") return { type };
  if (/^\d{1,9}$/.test(text)) return { type, cooldown: Number(text) };
  return { type, problem: { name, message: "must be a whole number of milliseconds" } };
}
