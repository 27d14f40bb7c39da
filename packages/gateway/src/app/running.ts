import { fetchLocalText } from "../backends/http/probe.ts";
import { isJsonObject, own } from "../kernel/json.ts";
import type { Json, JsonObject } from "../kernel/json.ts";
import type { ExplainedRequest } from "../routing/explain.ts";
import type { RecordedAttempt, RouteRecord } from "../routing/record.ts";
import { strategies } from "../routing/types.ts";
import type { CircuitState, Exclusion } from "../routing/types.ts";

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
  const body = parse(answer.body);
  if (body === undefined) return undefined;
  const version = own(body, "version");
  const troubles = own(body, "troubles");
  const notes = own(body, "notes");
  if (typeof version !== "string" || !isTexts(troubles) || !isTexts(notes)) return undefined;
  return { version, troubles, notes };
}

/** What a running gateway says of a route. `document` is the file that it runs by; none where nothing is configured. */
export type ToldRoute = { readonly document: string | undefined } & (
  | { readonly state: "told"; readonly route: LiveRoute }
  | { readonly state: "failed"; readonly kind: string; readonly message: string }
);

/** How a target is, as the gateway has seen it. Durations are milliseconds. */
export interface TargetNow {
  readonly healthy?: boolean;
  readonly circuit?: CircuitState;
  readonly cooldown?: number;
  /** Attempts under way. */
  readonly inFlight?: number;
  /** To the first token of late; absent where it was not asked for a stream. */
  readonly latency?: number;
  /** To the end of its whole answers; absent where it was not asked for any. */
  readonly whole?: number;
}

/** A route record with what the gateway has seen of its targets. */
export interface LiveRoute extends RouteRecord {
  readonly attempts: readonly (RecordedAttempt & { readonly now?: TargetNow })[];
  readonly excluded: readonly (Exclusion & { readonly now?: TargetNow })[];
}

/**
 * Asks the gateway at a base URL where a request would go. Undefined where none of ours answers, or it does not tell us.
 * @param timeout Milliseconds.
 */
export async function askRoute(url: string, asked: ExplainedRequest, timeout: number): Promise<ToldRoute | undefined> {
  const { model, tokens, tools, images, jsonSchema, embeddings } = asked;
  const flags = Object.entries({ tools, image: images, schema: jsonSchema, embeddings });
  const query = new URLSearchParams({ model, tokens: String(tokens) });
  for (const [name, isSet] of flags) if (isSet) query.set(name, "true");
  const answer = await fetchLocalText(`${url}/admin/api/route?${query.toString()}`, timeout);
  const body = answer === undefined ? undefined : parse(answer.body);
  if (answer === undefined || body === undefined) return undefined;
  const file = own(body, "document");
  const document = typeof file === "string" ? file : undefined;
  if (answer.status === 200) {
    return isRoute(body) ? { state: "told", route: body, document } : undefined;
  }
  const error = own(body, "error") ?? null;
  const [kind, message] = isJsonObject(error) ? [own(error, "kind"), own(error, "message")] : [];
  const isOurs = Object.hasOwn(body, "document") && typeof kind === "string" && typeof message === "string";
  return isOurs ? { state: "failed", kind, message, document } : undefined;
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever listens there may say anything. */
function isRoute(body: JsonObject): body is JsonObject & LiveRoute {
  const texts = ["model", "requested"].every((name) => typeof own(body, name) === "string");
  const understood = own(body, "understood") ?? { as: "", by: "" };
  const { attempts, excluded, maxAttempts } = body;
  return (
    texts &&
    strategies.some((strategy) => strategy === own(body, "strategy")) &&
    typeof maxAttempts === "number" &&
    isJsonObject(understood) &&
    typeof understood["as"] === "string" &&
    typeof understood["by"] === "string" &&
    areTargets(attempts) &&
    areTargets(excluded)
  );
}

function areTargets(value: Json | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (target) =>
        isJsonObject(target) &&
        ["endpoint", "model", "reason"].every((name) => typeof target[name] === "string") &&
        isJsonObject(target["now"] ?? {}),
    )
  );
}

/** Where a gateway that listens on `host` can be called from this machine. */
export function localUrl(host: string, port: number): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
