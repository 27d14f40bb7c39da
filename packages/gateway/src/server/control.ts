import type { Ingress } from "../kernel/codec.ts";
import { failure, failures } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import type { Result } from "../kernel/result.ts";
import { explain } from "../routing/explain.ts";
import type { ExplainedRequest } from "../routing/explain.ts";
import type { RecordedAttempt } from "../routing/record.ts";
import type { TargetHealth } from "../routing/types.ts";
import { ailmentsOf } from "./ailments.ts";
import type { Gateway } from "./gateway.ts";
import type { Router } from "./router.ts";
import { readModel } from "./surfaces/generate.ts";

/** How all paths of the control plane begin. */
export const controlPrefix = "/admin/";

const flags = ["tools", "image", "schema", "embeddings"] as const;

/** What operators' programs ask and no client may: see `refuseAdmin` for who is one. */
export function addControlRoutes(router: Router, errors: Pick<Ingress, "writeError">, gateway: Gateway): void {
  router.add("GET", ["/admin/api/route"], {
    access: "admin",
    errors,
    about: {
      surface: "control",
      summary: "Where a request would go, and why",
      query: ["model", "tokens", ...flags],
    },
    handle(incoming) {
      const { catalog, config } = gateway.service.current();
      const { routing } = gateway.service;
      const document = config.file ?? null;
      const refuse = ({ kind, message }: Failure) =>
        gateway.json(incoming, { error: { kind, message }, document }, failures[kind].status);
      const asked = readQuery(incoming.query);
      if (!asked.ok) return refuse(asked.failure);
      const found = explain(asked.value, catalog, routing);
      if (!found.ok) return refuse(found.failure);
      const { attempts, excluded, understood, ...record } = found.value;
      const now = ({ endpoint, model, reason, wait }: RecordedAttempt) => ({
        endpoint,
        model,
        reason,
        ...(wait === undefined ? undefined : { wait }),
        now: stateOf(endpoint, model, routing.health),
      });
      const answer = {
        requested: asked.value.model,
        ...record,
        ...(understood === undefined ? undefined : { understood: { ...understood } }),
        attempts: attempts.map(now),
        excluded: excluded.map(now),
        document,
      };
      gateway.json(incoming, answer);
    },
  });
  const { service } = gateway;
  router.add("GET", ["/admin/api/ailments"], {
    access: "admin",
    errors,
    about: { surface: "control", summary: "What keeps requests from targets at the moment" },
    handle: (incoming) => gateway.json(incoming, { ailments: ailmentsOf(service) }),
  });
  // Those who mended something need not wait until the gateway finds out.
  router.add("DELETE", ["/admin/api/ailments"], {
    access: "admin",
    errors,
    about: {
      surface: "control",
      summary: "Has targets asked again that pause or failed: all, or those of one `endpoint` and `model`",
      query: ["endpoint", "model"],
    },
    handle(incoming) {
      const wish = readTarget(incoming.query);
      if (!wish.ok) return gateway.refuse(incoming, errors, wish.failure);
      const { endpoint, model } = wish.value;
      const { health, limits } = service.relay;
      const before = health.ailments().length;
      health.reset(endpoint, model);
      limits?.forget(endpoint, model);
      const ended = before - health.ailments().length;
      service.report("info", `${ended} pauses and circuits were ended`);
      gateway.json(incoming, { ended, ailments: ailmentsOf(service) });
    },
  });
}

/** How a target is, as the gateway has seen it. Durations are milliseconds. */
function stateOf(endpoint: string, model: string, health: TargetHealth) {
  const [latency, whole] = [true, false].map((stream) => health.latency(endpoint, model, stream));
  return {
    healthy: health.healthy(endpoint),
    circuit: health.circuit(endpoint, model),
    cooldown: Math.ceil(health.cooldown(endpoint, model)),
    inFlight: health.inFlight(endpoint, model),
    ...(latency === undefined ? undefined : { latency: Math.round(latency) }),
    ...(whole === undefined ? undefined : { whole: Math.round(whole) }),
  };
}

function readQuery(query: string): Result<ExplainedRequest> {
  const given = new URLSearchParams(query);
  const model = readModel(given.get("model") ?? undefined);
  if (!model.ok) return model;
  const tokens = Number(given.get("tokens") ?? 0);
  if (!Number.isSafeInteger(tokens) || tokens < 0) {
    return { ok: false, failure: failure("bad-request", "`tokens` must be a whole number.", { param: "tokens" }) };
  }
  const [tools, images, jsonSchema, embeddings] = flags.map((name) => isSet(given.get(name)));
  return {
    ok: true,
    value: {
      model: model.value,
      tokens,
      tools: tools === true,
      images: images === true,
      jsonSchema: jsonSchema === true,
      embeddings: embeddings === true,
    },
  };
}

/** Whose ailments are meant. A slip must not end those of everybody. */
function readTarget(query: string): Result<{ readonly endpoint?: string; readonly model?: string }> {
  const given = new URLSearchParams(query);
  const other = [...given.keys()].find((name) => name !== "endpoint" && name !== "model");
  const message =
    other !== undefined
      ? `The parameter '${other.slice(0, 64)}' is unknown; there are 'endpoint' and 'model'.`
      : given.has("model") && !given.has("endpoint")
        ? "A 'model' is meant of one 'endpoint', which is missing."
        : undefined;
  if (message !== undefined) return { ok: false, failure: failure("bad-request", message) };
  return { ok: true, value: Object.fromEntries(given) };
}

function isSet(value: string | null): boolean {
  return value !== null && value !== "false" && value !== "0";
}
