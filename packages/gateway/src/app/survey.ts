import { reasonOf } from "../backends/directory.ts";
import { ModelListError } from "../backends/http/driver.ts";
import { createBackend } from "../backends/registry.ts";
import type { Backend } from "../backends/types.ts";
import type { Config, EndpointSettings } from "../config/types.ts";
import { compact } from "../kernel/json.ts";
import type { Result } from "../kernel/result.ts";
import type { Price } from "../kernel/usage.ts";
import { atRest } from "../routing/at-rest.ts";
import { factsFor, offeredNames } from "../routing/catalog.ts";
import { resolve } from "../routing/names.ts";
import type { Catalog } from "../routing/catalog.ts";
import { explain } from "../routing/explain.ts";
import type { ExplainedRequest } from "../routing/explain.ts";
import type { RouteRecord } from "../routing/record.ts";
import type { CatalogModel } from "../routing/types.ts";
import { catalogOf, priceOf } from "./assemble.ts";
import { complete, localEndpoints } from "./local.ts";
import { systemClock } from "./system-clock.ts";

/** What one endpoint said when it was asked for its models. */
export interface EndpointReport {
  readonly name: string;
  readonly type: string;
  /** `late`: nothing came within the time limit. */
  readonly state: "answered" | "failed" | "late" | "disabled";
  /** Models of its list. */
  readonly models?: number;
  /** HTTP status of an answer that was no list. */
  readonly status?: number;
  /** Why there is no list: an error's code where there is one. */
  readonly reason?: string;
  /** Milliseconds until it answered. */
  readonly duration?: number;
}

export interface SurveyOptions {
  /** Milliseconds that the whole survey may take, besides the search for local servers. */
  readonly timeLimit: number;
  /** False where the names are to be resolved without asking anybody. */
  readonly ask: boolean;
  /** Hears of each endpoint as it answers, with how many there are in all. */
  readonly onReport?: (report: EndpointReport, total: number) => void;
}

/** A model name that clients may use. */
export interface OfferedModel {
  readonly name: string;
  /** `endpoint/model` of each target, in order. */
  readonly route: readonly string[];
  /** Tokens; absent is unknown. */
  readonly contextWindow?: number;
  /** US dollars per million tokens; absent is unknown. */
  readonly price?: Price;
}

/** What a gateway with this configuration would know a moment after its start. */
export interface Survey {
  /** With the servers that were found on this machine. */
  readonly config: Config;
  readonly endpoints: readonly EndpointReport[];
  readonly catalog: Catalog;
}

/**
 * Asks every endpoint for its model list, all at once, each once: what a starting gateway does, without one. Lists are
 * free of charge everywhere. Never rejects for an endpoint's sake.
 */
export async function survey(found: Config, options: SurveyOptions): Promise<Survey> {
  const config = complete(found, found.detect ? await localEndpoints(found) : []);
  const backends = new Map<string, Backend>();
  for (const settings of config.endpoints) {
    backends.set(settings.name, createBackend(settings, settings.timeouts.connect ?? config.server.timeouts.connect));
  }
  const lists = new Map<string, readonly CatalogModel[]>();
  const asked = options.ask ? config.endpoints : [];
  const endpoints = await Promise.all(
    asked.map(async (settings) => {
      const report = await ask(settings, backends.get(settings.name), { lists, timeLimit: options.timeLimit });
      options.onReport?.(report, asked.length);
      return report;
    }),
  );
  const catalog = catalogOf(config, backends, { models: (name) => lists.get(name) ?? [] });
  await Promise.all([...backends.values()].map((backend) => backend[Symbol.asyncDispose]()));
  return { config, endpoints, catalog };
}

/** Every name that a client may ask for, with where it leads. */
export function offeredModels(catalog: Catalog): readonly OfferedModel[] {
  return offeredNames(catalog).map((name) => {
    const model = resolve(catalog, name);
    const facts = model === undefined ? {} : factsFor(catalog, model);
    const first = model?.targets[0];
    const price = first === undefined ? undefined : priceOf(catalog, { ...first, own: facts.price });
    return {
      name,
      route: (model?.targets ?? []).map((target) => `${target.endpoint}/${target.model}`),
      ...(facts.contextWindow === undefined ? {} : { contextWindow: facts.contextWindow }),
      ...(price === undefined ? {} : { price }),
    };
  });
}

export type { ExplainedRequest } from "../routing/explain.ts";

/**
 * Where a request would go by the configuration alone. What a running gateway has seen of its targets is unknown here:
 * nothing cools down, nobody had a turn, and of two that are drawn at random the first two are.
 */
export function explainAtRest(asked: ExplainedRequest, catalog: Catalog): Result<RouteRecord> {
  return explain(asked, catalog, atRest);
}

interface Asking {
  readonly lists: Map<string, readonly CatalogModel[]>;
  readonly timeLimit: number;
}

async function ask(
  { name, type, enabled }: EndpointSettings,
  backend: Backend | undefined,
  { lists, timeLimit }: Asking,
): Promise<EndpointReport> {
  if (!enabled || backend === undefined) return { name, type, state: "disabled" };
  const startedAt = systemClock.monotonic();
  const { promise: late, resolve: giveUp } = Promise.withResolvers<undefined>();
  const patience = setTimeout(giveUp, timeLimit, undefined);
  try {
    const models = await Promise.race([backend.models(), late]);
    if (models === undefined) return { name, type, state: "late", reason: `no answer within ${timeLimit} ms` };
    lists.set(name, models);
    const duration = Math.round(systemClock.monotonic() - startedAt);
    return { name, type, state: "answered", models: models.length, duration };
  } catch (error) {
    const duration = Math.round(systemClock.monotonic() - startedAt);
    const status = error instanceof ModelListError ? error.status : undefined;
    return { name, type, state: "failed", duration, reason: reasonOf(error), ...compact({ status }) };
  } finally {
    clearTimeout(patience);
  }
}
