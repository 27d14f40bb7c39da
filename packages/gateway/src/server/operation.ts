import type { Ingress } from "../kernel/codec.ts";
import type { Gateway } from "./gateway.ts";
import type { Route, Router } from "./router.ts";

/**
 * Health and metrics. The public ones answer from memory and never call a model or an upstream, however often they are
 * asked. Details are for those who may see them: callers with a key, or on this machine.
 */
export function addOperationRoutes(router: Router, errors: Pick<Ingress, "writeError">, gateway: Gateway): void {
  const { service } = gateway;
  const route = (access: Route["access"], handle: Route["handle"]): Route => ({ access, errors, handle });
  const alive = route("public", (incoming) => gateway.text(incoming, 200, "ok\n"));
  const ready = route("public", (incoming) => {
    // Trouble with the store keeps nobody from being answered, so that no balancer should send its requests elsewhere.
    const refusing = gateway.troubles();
    const shown = gateway.isOperator(incoming) ? [...refusing, ...service.troubles()] : [];
    const text = `${refusing.length === 0 ? "ready" : "not ready"}\n${shown.map((trouble) => `- ${trouble}\n`).join("")}`;
    gateway.text(incoming, refusing.length === 0 ? 200 : 503, text);
  });
  const health = route("public", (incoming) => {
    const troubles = [...gateway.troubles(), ...service.troubles()];
    const status = troubles.length === 0 ? "ok" : "degraded";
    const detail = gateway.isOperator(incoming) ? { version: service.version, troubles, notes: service.notes() } : {};
    gateway.json(incoming, { status, ...detail }, troubles.length === 0 ? 200 : 503);
  });
  const metrics = route("operator", (incoming) => {
    service.metrics().then(
      (text) => gateway.text(incoming, 200, text, "text/plain; version=0.0.4; charset=utf-8"),
      (error: unknown) => {
        service.report("error", "metrics could not be written", error);
        gateway.text(incoming, 500, "metrics are not available\n");
      },
    );
  });
  const root = route("public", (incoming) => gateway.text(incoming, 200, "Patchbay is running. The API is at /v1.\n"));
  router.add("GET", ["/livez", "/healthz", "/health/liveliness", "/health/liveness"], alive);
  router.add("GET", ["/readyz", "/health/readiness"], ready);
  router.add("GET", ["/health"], health);
  router.add("GET", ["/metrics"], metrics);
  router.add("GET", ["/"], root);
}
