import { join } from "node:path";
import { compact, isJsonObject, own } from "../kernel/json.ts";
import type { Json } from "../kernel/json.ts";
import type { Vendor } from "../kernel/vendor.ts";
import { buildEndpoint, buildKeys, buildModel, buildStandIns } from "./build.ts";
import { checkReferences } from "./checks.ts";
import { detectEndpoints } from "./detect.ts";
import type { Detection } from "./detect.ts";
import { readDocument } from "./document.ts";
import type { Environment } from "./environment.ts";
import { errorCode, interpolate } from "./interpolate.ts";
import type { Interpolated } from "./interpolate.ts";
import { overridesOf } from "./overrides.ts";
import type { Overrides } from "./overrides.ts";
import { formatPath } from "./path.ts";
import type { Path } from "./path.ts";
import { besideDocument, dataDirectory } from "./paths.ts";
import { Problems } from "./problems.ts";
import { documentSchema } from "./schema.ts";
import type { Document } from "./schema.ts";
import { seedAddressLimits, seedLimits } from "./seed-limits.ts";
import { fixedKeys, seedCooldown, seedModels, settingRows, unusedNotes } from "./seeds.ts";
import type { Config, ConfigProblem } from "./types.ts";

export interface LoadInput {
  /** The document's file; without it and without `text`, nothing is configured. */
  readonly file?: string | undefined;
  /** The document's text; without it, `file` is read. */
  readonly text?: string | undefined;
  readonly overrides: Overrides;
  readonly environment: Environment;
  /** The directory in which the process runs. */
  readonly directory: string;
  /** The words that `type:` may hold in this version. */
  readonly endpointTypes: readonly string[];
  readonly vendors: readonly Vendor[];
  /** The text of a file by its absolute path. Throws when it cannot be read. */
  readonly readFile: (path: string) => string;
}

export type LoadResult =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: readonly ConfigProblem[];
      /** The document's text that the configuration was made of. */
      readonly text: string;
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * The configuration of flags, environment, document and defaults, in this order. Never throws, and never half:
 * either a whole configuration, or everything that is wrong.
 *
 * 1. read the text, 2. resolve references, 3. lay flags and variables over it and the seeds' variables under it,
 * 4. validate, 5. detect endpoints, 6. check names, 7. build.
 */
export function loadConfig(input: LoadInput): LoadResult {
  const { file, environment } = input;
  const text = readText(input);
  if (typeof text !== "string") return { ok: false, problems: [text] };
  const tree = readDocument(text, file);
  if (tree.broken) return { ok: false, problems: tree.problems };
  const problems = new Problems(tree, file);

  const place = { environment, directory: input.directory, file };
  const resolved = interpolate(tree.value ?? {}, {
    environment,
    readFile: (path) => input.readFile(besideDocument(path, place)),
  });
  for (const { path, message, inside } of resolved.problems) problems.addUnresolved(path, message, inside);

  const notes: string[] = [];
  const value = layer(resolved.value, { input, problems, notes });

  const schema = documentSchema(input.endpointTypes);
  const parsed = schema.safeParse(value, { jitless: true });
  if (!parsed.success) problems.addIssues(parsed.error.issues, schema);

  const detection = detect(value, input, parsed.data);
  checkReferences(value, {
    vendors: input.vendors,
    detected: detection.endpoints.map(({ name }) => name),
    report: (path, message) => problems.add(path, message),
  });
  for (const { name, message } of detection.problems) problems.addElsewhere({ file: "environment", name }, message);
  if (!parsed.success) return { ok: false, problems: problems.found };
  return build(parsed.data, { input, text, problems, notes, resolved, detection });
}

function readText({ file, text, readFile }: LoadInput): string | ConfigProblem {
  if (text !== undefined || file === undefined) return text ?? "";
  try {
    return readFile(file);
  } catch (error) {
    return { file, path: "", message: `the document cannot be read (${errorCode(error)})` };
  }
}

interface Layers {
  readonly input: LoadInput;
  readonly problems: Problems;
  readonly notes: string[];
}

/** Lays the flags and variables over the document, and the seeds' variables under it. */
function layer(document: Json, { input, problems, notes }: Layers): Json {
  let value = document;
  for (const { path, value: given, origin } of overridesOf(input.overrides, input.environment)) {
    value = withValue(value, path, given);
    problems.setOrigin(path, origin);
  }
  for (const { variables, path, read, expected } of settingRows) {
    const name = variables.find((variable) => input.environment.has(variable));
    if (name === undefined || valueAt(value, path) !== undefined) continue;
    const origin = { file: "environment", name } as const;
    const given = read(input.environment.get(name)?.trim() ?? "");
    if (given === undefined) {
      problems.addElsewhere(origin, expected);
      continue;
    }
    value = withValue(value, path, given);
    problems.setOrigin(path, origin);
    notes.push(`${name}: ${formatPath(path)}`);
  }
  const addresses = seedAddressLimits(input.environment);
  if (addresses.value === undefined || valueAt(value, addressPath) !== undefined) return value;
  for (const { name, message } of addresses.problems) problems.addElsewhere({ file: "environment", name }, message);
  notes.push(`${addresses.names.join(", ")}: ${formatPath(addressPath)}`);
  return withValue(value, addressPath, addresses.value);
}

const addressPath: Path = ["server", "limits", "perAddress"];

/** The value with one place replaced. Where the way there is no mapping, nothing is done: the schema will say so. */
function withValue(value: Json, path: Path, given: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return given;
  const around = value ?? {};
  if (!isJsonObject(around)) return value;
  return { ...around, [step]: withValue(own(around, String(step)) ?? null, rest, given) };
}

function valueAt(value: Json, path: Path): Json | undefined {
  let found: Json | undefined = value;
  for (const step of path) found = isJsonObject(found) ? own(found, String(step)) : undefined;
  return found;
}

const nothingDetected: Detection = { endpoints: [], notes: [], problems: [] };

function detect(value: Json, input: LoadInput, document: Document | undefined): Detection {
  if (document?.detect === false || valueAt(value, ["detect"]) === false) return nothingDetected;
  const endpoints = valueAt(value, ["endpoints"]);
  const texts = (name: string): ReadonlySet<string> => {
    const found = (Array.isArray(endpoints) ? (endpoints as readonly Json[]) : []).map((item) => valueAt(item, [name]));
    return new Set(found.filter((item) => typeof item === "string"));
  };
  return detectEndpoints({
    environment: input.environment,
    vendors: input.vendors.filter(({ type }) => input.endpointTypes.includes(type)),
    names: texts("name"),
    types: texts("type"),
    port: document?.server.port ?? 4141,
  });
}

interface Parts extends Layers {
  readonly text: string;
  readonly resolved: Interpolated;
  readonly detection: Detection;
}

function build(document: Document, { input, text, problems, notes, resolved, detection }: Parts): LoadResult {
  const { environment } = input;
  const references = new Map(resolved.references.map((reference) => [formatPath(reference.path), reference.text]));
  const fromDocument = document.endpoints.map((endpoint, position) =>
    buildEndpoint(endpoint, (index) => references.get(formatPath(keyPath(position, index)))),
  );
  const models = document.models.map(buildModel);
  const endpoints = [...fromDocument, ...detection.endpoints];
  const taken = new Set(models.flatMap(({ name, aliases }) => [name, ...aliases]));
  const seeds = document.detect ? seedModels(environment, endpoints, taken) : undefined;
  for (const { name, message } of seeds?.problems ?? []) problems.addElsewhere({ file: "environment", name }, message);
  const detected = new Set(detection.endpoints.map(({ type }) => type));
  const hasModel = (seeds?.models.length ?? 0) > 0;
  const seedLimited = document.detect ? seedLimits(environment, detected, hasModel) : undefined;
  for (const { name, message } of seedLimited?.problems ?? []) {
    problems.addElsewhere({ file: "environment", name }, message);
  }
  const pausing = seedCooldown(environment);
  if (document.detect && pausing.problem !== undefined) {
    const { name, message } = pausing.problem;
    problems.addElsewhere({ file: "environment", name }, message);
  }
  if (problems.found.length > 0) return { ok: false, problems: problems.found };

  const keys = fixedKeys(environment);
  const opened = valueAt(resolved.value, ["access", "open"]) !== undefined || environment.has("PATCHBAY_OPEN");
  const keyNotes = keys.map(({ name }) => `${name}: client key`);
  const config: Config = {
    server: serverOf(document.server),
    access: {
      open: keys.length > 0 && !opened ? "never" : document.access.open,
      fixedKeys: [...keys, ...buildKeys(document.keys)],
    },
    store: storePlace(document.store, input),
    ...(document.state === "memory" ? {} : { state: document.state }),
    responses: document.responses,
    circuit: document.circuit,
    log: document.log,
    detect: document.detect,
    endpoints: endpoints.map((endpoint) => {
      if (!endpoint.detected) return endpoint;
      const wait = seeds?.timeouts.get(endpoint.type);
      const limits = seedLimited?.limits.get(endpoint.type);
      return {
        ...endpoint,
        ...(wait === undefined ? {} : { timeouts: { firstToken: wait, firstByte: wait } }),
        ...(limits === undefined ? {} : { limits }),
        ...(endpoint.type === pausing.type && pausing.cooldown !== undefined ? { cooldown: pausing.cooldown } : {}),
      };
    }),
    models: [...models, ...(seeds?.models ?? [])],
    ...buildStandIns(document),
    ...(input.file === undefined ? {} : { file: input.file }),
    notes: [
      ...detection.notes,
      ...(seeds?.notes ?? []),
      ...(seedLimited?.notes ?? []),
      ...keyNotes,
      ...notes,
      ...unusedNotes(environment),
    ],
  };
  return { ok: true, config, text, warnings: warningsOf(document, { input, problems, references }) };
}

function serverOf({ limits: { perAddress, ...limits }, ...server }: Document["server"]): Config["server"] {
  return { ...server, limits: { ...limits, ...(perAddress === undefined ? {} : { perAddress: compact(perAddress) }) } };
}

const keyPath = (endpoint: number, credential: number): Path => [
  "endpoints",
  endpoint,
  "credentials",
  credential,
  "apiKey",
];

function storePlace(store: string, { overrides, environment, directory, file }: LoadInput): string {
  if (store === ":memory:") return store;
  if (store === "sqlite") return join(dataDirectory(overrides.dataDir, { environment, directory }), "patchbay.db");
  // A variable is relative to where the process runs, the document's word to the document.
  return besideDocument(store, {
    environment,
    directory,
    file: environment.has("PATCHBAY_STORE") ? undefined : file,
  });
}

interface WarningContext {
  readonly input: LoadInput;
  readonly problems: Problems;
  readonly references: ReadonlyMap<string, string>;
}

function warningsOf(document: Document, { input, problems, references }: WarningContext): readonly ConfigProblem[] {
  const warnings: ConfigProblem[] = [];
  const { state } = document;
  if (state !== "memory" && new URL(state.reveal()).password !== "" && !references.has("state")) {
    warnings.push(
      problems.at(
        ["state"],
        "holds the password itself; a reference such as ${REDIS_URL} keeps it out of the document",
      ),
    );
  }
  const paths = document.keys.map((_key, position): Path => ["keys", position, "key"]);
  for (const [position, endpoint] of document.endpoints.entries()) {
    for (const [index, { apiKey }] of endpoint.credentials.entries()) {
      if (apiKey !== undefined) paths.push(keyPath(position, index));
    }
    const vendor = input.vendors.find(({ type }) => type === endpoint.type);
    const [variable] = vendor?.environment ?? [];
    // With an address of its own it may be a server that wants no key.
    if (variable !== undefined && endpoint.url === undefined && endpoint.credentials.length === 0) {
      const remedy = `credentials: [{ apiKey: "\${${variable}}" }]`;
      warnings.push(problems.at(["endpoints", position], `has no credentials; most likely it needs \`${remedy}\``));
    }
  }
  for (const path of paths) {
    if (references.has(formatPath(path))) continue;
    const message = "holds the key itself; a reference such as ${NAME} or file:PATH keeps it out of the document";
    warnings.push(problems.at(path, message));
  }
  return warnings;
}
