import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Environment } from "./environment.ts";

/** Where a document is looked for; the first that exists is used. */
export interface DocumentCandidates {
  /** Named by a flag or by PATCHBAY_CONFIG: the only place to look, and it must exist. */
  readonly required?: string;
  /** Places to look otherwise, best first. */
  readonly optional: readonly string[];
}

/** What the paths depend on, passed in. */
export interface Surroundings {
  readonly environment: Environment;
  /** The directory in which the process runs. */
  readonly directory: string;
}

/** The document's places: flag, PATCHBAY_CONFIG, ./patchbay.yaml, then the user's configuration directory. */
export function documentCandidates(
  flag: string | undefined,
  { environment, directory }: Surroundings,
): DocumentCandidates {
  const named = flag ?? environment.get("PATCHBAY_CONFIG");
  if (named !== undefined) return { required: resolve(directory, expandHome(named, environment)), optional: [] };
  const optional = [join(directory, "patchbay.yaml")];
  const configured = absolute(environment.get("XDG_CONFIG_HOME"));
  if (configured !== undefined) optional.push(join(configured, "patchbay", "config.yaml"));
  const home = homeOf(environment);
  if (home !== undefined) optional.push(join(home, ".config", "patchbay", "config.yaml"));
  return { optional: [...new Set(optional)] };
}

/** The document to read, or undefined when nothing is configured. A required one is returned unseen. */
export function findDocument(candidates: DocumentCandidates, exists: (file: string) => boolean): string | undefined {
  return candidates.required ?? candidates.optional.find((file) => exists(file));
}

/** Where the gateway keeps its data: flag, PATCHBAY_DATA_DIR, then the user's data directory. An absolute path. */
export function dataDirectory(flag: string | undefined, { environment, directory }: Surroundings): string {
  const named = flag ?? environment.get("PATCHBAY_DATA_DIR");
  if (named !== undefined) return resolve(directory, expandHome(named, environment));
  const data = absolute(environment.get("XDG_DATA_HOME"));
  if (data !== undefined) return join(data, "patchbay");
  const home = homeOf(environment);
  // A user without a home is a service; its data stays beside where it runs.
  return home === undefined ? join(directory, ".patchbay") : join(home, ".local", "share", "patchbay");
}

/** A path of the document, which is relative to the document's own directory. */
export function besideDocument(path: string, place: Surroundings & { readonly file?: string | undefined }): string {
  const base = place.file === undefined ? place.directory : dirname(resolve(place.directory, place.file));
  return resolve(base, expandHome(path, place.environment));
}

function expandHome(path: string, environment: Environment): string {
  const home = homeOf(environment);
  if (home === undefined || (path !== "~" && !path.startsWith("~/"))) return path;
  return join(home, path.slice(1));
}

function homeOf(environment: Environment): string | undefined {
  return absolute(environment.get("HOME")) ?? absolute(environment.get("USERPROFILE"));
}

/** The XDG specification says that relative paths in its variables are to be ignored. */
function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined;
}
