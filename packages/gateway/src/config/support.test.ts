import assert from "node:assert/strict";
import type { Vendor } from "../kernel/vendor.ts";
import { environmentOf } from "./environment.ts";
import { loadConfig } from "./load.ts";
import type { LoadInput, LoadResult } from "./load.ts";
import { formatProblem } from "./problems.ts";
import type { Config } from "./types.ts";

function vendor(type: string, rest: Partial<Vendor>): Vendor {
  return {
    type,
    title: type,
    paths: { "openai-chat": "/chat/completions" },
    modelsPath: "/models",
    auth: { header: "authorization", scheme: "bearer" },
    environment: [],
    dialect: { streamUsage: true, developerRole: false },
    ...rest,
  };
}

export const vendors: readonly Vendor[] = [
  vendor("openai", {
    baseUrl: "https://api.openai.com/v1",
    environment: ["OPENAI_API_KEY"],
    urlEnvironment: ["OPENAI_BASE_URL"],
  }),
  vendor("cerebras", { baseUrl: "https://api.cerebras.ai/v1", environment: ["CEREBRAS_API_KEY"] }),
  vendor("chutes", { baseUrl: "https://llm.chutes.ai/v1", environment: ["CHUTES_API_KEY"] }),
  vendor("gemini", {
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    paths: { gemini: "/models/{model}:generateContent" },
    environment: ["GEMINI_API_KEY", "GOOGLE_API_KEY"],
  }),
  vendor("openai-compatible", {}),
  vendor("vllm", { environment: ["VLLM_API_KEY"], urlEnvironment: ["VLLM_BASE_URL"] }),
];

const endpointTypes = [...vendors.map(({ type }) => type), "ollama", "lmstudio", "simulator"];

export type Variables = { readonly [name: string]: string };

export interface Given extends Partial<Omit<LoadInput, "environment">> {
  readonly variables?: Variables;
  readonly files?: { readonly [path: string]: string };
}

/** Loads a text as /etc/patchbay/patchbay.yaml, by a user whose home is /home/user, in /srv. */
export function load(text: string, { variables = {}, files = {}, ...rest }: Given = {}): LoadResult {
  return loadConfig({
    file: "/etc/patchbay/patchbay.yaml",
    text,
    overrides: {},
    environment: environmentOf({ HOME: "/home/user", ...variables }),
    directory: "/srv",
    endpointTypes,
    vendors,
    readFile: (path) => {
      const found = files[path];
      if (found === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
      return found;
    },
    ...rest,
  });
}

export function loaded(text: string, given: Given = {}): Config {
  const result = load(text, given);
  assert.ok(result.ok, result.ok ? "" : result.problems.map(formatProblem).join("\n"));
  return result.config;
}

/** The problems' lines, with the file's name shortened to `patchbay.yaml`. */
export function problemsOf(text: string, given: Given = {}): readonly string[] {
  const result = load(text, given);
  const problems = result.ok ? [] : result.problems;
  return problems.map((problem) => formatProblem(problem).replace("/etc/patchbay/", ""));
}
