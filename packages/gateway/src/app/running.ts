import { fetchLocalText } from "../backends/http/probe.ts";
import { isJsonObject, own } from "../kernel/json.ts";

/** How a gateway answers the question whether it is ready. */
export type Readiness =
  | { readonly state: "ready" }
  /** `text` is its answer, which names the troubles to those who may know them. */
  | { readonly state: "not-ready"; readonly status: number; readonly text: string }
  | { readonly state: "silent" };

/** Asks a running gateway, at its base URL. @param timeout Milliseconds. */
export async function askReadiness(url: string, timeout: number): Promise<Readiness> {
  const answer = await fetchLocalText(`${url}/readyz`, timeout);
  if (answer === undefined) return { state: "silent" };
  if (answer.status === 200) return { state: "ready" };
  return { state: "not-ready", status: answer.status, text: answer.body };
}

/** A Patchbay that runs somewhere. */
export interface RunningGateway {
  readonly version: string;
  readonly troubles: readonly string[];
  readonly notes: readonly string[];
}

/** Who answers at a base URL, if it is a gateway of ours that takes us for its operator. @param timeout Milliseconds. */
export async function findRunning(url: string, timeout: number): Promise<RunningGateway | undefined> {
  const answer = await fetchLocalText(`${url}/health`, timeout);
  if (answer === undefined) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(answer.body);
  } catch {
    return undefined;
  }
  if (!isJsonObject(body)) return undefined;
  const version = own(body, "version");
  const troubles = own(body, "troubles");
  const notes = own(body, "notes");
  if (typeof version !== "string" || !isTexts(troubles) || !isTexts(notes)) return undefined;
  return { version, troubles, notes };
}

/** Where a gateway that listens on `host` can be called from this machine. */
export function localUrl(host: string, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
