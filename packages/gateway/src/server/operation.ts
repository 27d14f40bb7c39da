import type { Ingress } from "../kernel/codec.ts";
import { ailmentsOf } from "./ailments.ts";
import type { Gateway } from "./gateway.ts";
import { describeApi } from "./openapi.ts";
import type { Route, Router } from "./router.ts";

const plain = "text/plain";

/**
 * Health and metrics. The public ones answer from memory and never call a model or an upstream, however often they are
 * asked. Details are for those who may see them: callers with a key, or on this machine.
 */
export function addOperationRoutes(router: Router, errors: Pick<Ingress, "writeError">, gateway: Gateway): void {
  const { service } = gateway;
  const route = (
    about: readonly [access: Route["access"], summary: string, type: string, ...query: string[]],
    handle: Route["handle"],
  ) => ({
    access: about[0],
    errors,
    about: { surface: "operation", summary: about[1], answers: [about[2]], query: about.slice(3) } as const,
    handle,
  });
  const alive = route(["public", "Whether it runs", plain], (incoming) => gateway.text(incoming, 200, "ok\n"));
  const ready = route(["public", "Whether it takes requests", plain], (incoming) => {
    // Trouble with the store keeps nobody from being answered, so that no balancer should send its requests elsewhere.
    const refusing = gateway.troubles();
    const shown = gateway.isOperator(incoming) ? [...refusing, ...service.troubles()] : [];
    const text = `${refusing.length === 0 ? "ready" : "not ready"}\n${shown.map((trouble) => `- ${trouble}\n`).join("")}`;
    gateway.text(incoming, refusing.length === 0 ? 200 : 503, text);
  });
  const health = route(["public", "How it is", "application/json"], (incoming) => {
    const troubles = [...gateway.troubles(), ...service.troubles()];
    const status = troubles.length === 0 ? "ok" : "degraded";
    const { version } = service;
    const detail = gateway.isOperator(incoming)
      ? { version, troubles, notes: service.notes(), ailments: ailmentsOf(service) }
      : {};
    gateway.json(incoming, { status, ...detail }, troubles.length === 0 ? 200 : 503);
  });
  const metrics = route(["operator", "Figures for Prometheus", plain], (incoming) => {
    service.metrics().then(
      (text) => gateway.text(incoming, 200, text, "text/plain; version=0.0.4; charset=utf-8"),
      (error: unknown) => {
        service.report("error", "metrics could not be written", error);
        gateway.text(incoming, 500, "metrics are not available\n");
      },
    );
  });
  const root = route(["public", "Whether anybody is there", plain], (incoming) => {
    const { accept = "" } = incoming.request.headers;
    // Ollama's clients look for just these words; only a person's browser asks for a page.
    const forPeople = accept.toLowerCase().includes("text/html");
    gateway.text(incoming, 200, forPeople ? "Patchbay is running. The API is at /v1.\n" : "Ollama is running");
  });
  let description: string | undefined;
  const openapi = route(["public", "This description", "application/json"], (incoming) => {
    // Routes are made once, at the start.
    description ??= JSON.stringify(describeApi(gateway.router.list(), service.version));
    gateway.text(incoming, 200, description, "application/json; charset=utf-8");
  });
  router.add("GET", ["/livez", "/healthz", "/health/liveliness", "/health/liveness"], alive);
  router.add("GET", ["/readyz", "/health/readiness"], ready);
  router.add("GET", ["/health"], health);
  router.add("GET", ["/metrics"], metrics);
  router.add("GET", ["/"], root);
  router.add("GET", ["/openapi.json"], openapi);
}
