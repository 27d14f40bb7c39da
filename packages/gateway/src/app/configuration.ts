import { vendors } from "../backends/http/vendors.ts";
import { endpointTypes } from "../backends/registry.ts";
import type { Environment } from "../config/environment.ts";
import { readTextFile } from "../config/files.ts";
import { jsonSchemaText } from "../config/json-schema.ts";
import { loadConfig } from "../config/load.ts";
import type { LoadResult } from "../config/load.ts";
import type { Overrides } from "../config/overrides.ts";

export interface AppOptions {
  /** The document's file, if there is one. */
  readonly file?: string | undefined;
  readonly overrides: Overrides;
  readonly environment: Environment;
  readonly directory: string;
}

/**
 * Reads and validates the configuration as a start would.
 *
 * @param text The document's text, where it has been read already.
 * @param readFile How the document and the files that it names are read.
 */
export function readConfig(options: AppOptions, text?: string, readFile = readTextFile): LoadResult {
  return loadConfig({
    ...options,
    text,
    endpointTypes,
    vendors,
    readFile,
  });
}

/** The document's JSON Schema with the endpoint types of this version, as text. */
export const configSchema = (): string => jsonSchemaText(endpointTypes);
