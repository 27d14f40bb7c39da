import type { PortFinding, StoreFinding } from "../../app/inspect.ts";
import type { EndpointReport } from "../../app/survey.ts";
import type { Config, EndpointSettings } from "../../config/types.ts";
import { count } from "../text.ts";
import { failed, ok, warning } from "./check.ts";
import type { Check } from "./check.ts";

/** No clock that is right shows a time before this program was written; milliseconds since 1970. */
const written = Date.UTC(2026, 0, 1);
/** A clock that stands before what was recorded, by more than this, has been put back; milliseconds. */
const tolerance = 300_000;

/** What is at the place where the gateway listens. `version` is this program's. */
export function judgePort({ server: { host, port } }: Config, finding: PortFinding, version: string): readonly Check[] {
  const place = `${host} port ${port}`;
  if (finding.state === "free") return [ok("port", port === 0 ? `any free port of ${host}` : `${place} is free`)];
  if (finding.state === "unusable") return [unusable(place, port, finding.code)];
  const { gateway } = finding;
  const held = ok("port", `${place} is held by a running Patchbay ${gateway.version}`);
  const older =
    gateway.version === version
      ? []
      : [warning("running gateway", `it is version ${gateway.version}, and this is ${version}`, "restart it")];
  return [
    held,
    ...older,
    ...gateway.troubles.map((trouble) => failed("running gateway", trouble, "look into its log")),
    ...gateway.notes.map((note) => warning("running gateway", note, "look into its log")),
  ];
}

function unusable(place: string, port: number, code: string): Check {
  switch (code) {
    case "EADDRINUSE":
      return failed("port", `${place} is held by another program`, "stop that, or choose another: --port N");
    case "EACCES":
      return failed("port", `port ${port} may not be used by this user`, "choose one above 1023: --port N");
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return failed("port", `${place} is no address of this machine (${code})`, "set server.host, or --host H");
    default:
      return failed("port", `${place} cannot be listened on (${code})`, "choose another: --port N, --host H");
  }
}

/** The store, and who could reach the gateway without a key. */
export function judgeStore(finding: StoreFinding, config: Config): readonly Check[] {
  const { file, state, problem, exposed } = finding;
  return [judgeFile(file, state, problem), judgeExposure(config, exposed)];
}

/** What replicas share. @param problem Why it cannot be used; empty when it can, undefined when nothing is shared. */
export function judgeState(problem: string | undefined): readonly Check[] {
  if (problem === undefined) return [];
  if (problem === "") return [ok("state", "the Redis that replicas share answers")];
  const what = `the Redis that replicas share cannot be used (${problem}); each would keep to its part of the limits`;
  return [warning("state", what, "see that it runs, and that the address and password in `state` are right")];
}

function judgeFile(file: string, state: StoreFinding["state"], problem: string | undefined): Check {
  switch (state) {
    case "works":
      return ok("store", `${file} is writable, and for its owner only`);
    case "new":
      return ok("store", `${file} is not there yet, and can be made`);
    case "memory":
      return warning("store", "keys and usage live in memory and end with the process", "name a file in `store`");
    case "failed":
    default:
      return failed("store", problem ?? `${file} cannot be used`, `see that ${file} and its directory are yours`);
  }
}

function judgeExposure({ server: { host }, access }: Config, exposed: string | undefined): Check {
  if (exposed !== undefined) {
    return failed(
      "access",
      `${host} can be reached by others, and there is no client key; the gateway will not start`,
      "patchbay keys create NAME",
    );
  }
  if (access.open !== "always")
    return ok("access", access.open === "never" ? "key needed" : "open to this machine only");
  return warning("access", "open to everyone who can reach it (access.open: always)", "access: { open: loopback }");
}

/** One endpoint, by what it answered. */
export function judgeEndpoint(report: EndpointReport, settings: EndpointSettings | undefined): Check {
  const name = `endpoint ${report.name}`;
  const after = report.duration === undefined ? "" : ` in ${report.duration} ms`;
  const key = settings?.credentials.map(({ reference }) => reference).find((reference) => reference !== undefined);
  const address = settings?.url ?? "its address";
  const { status } = report;
  if (report.state === "disabled") return ok(name, "disabled");
  if (report.state === "answered") {
    const { models = 0 } = report;
    if (models > 0 || (settings?.models.length ?? 0) > 0) return ok(name, `${count(models, "model")}${after}`);
    return warning(name, `reachable${after}, but its model list is empty`, `state its models: endpoints[].models`);
  }
  if (status === undefined) {
    return failed(name, `not reachable: ${report.reason ?? "unknown"}`, remedyFor(report.reason ?? "", address));
  }
  if (status === 401 || status === 403) {
    const fix = key === undefined ? "give it credentials: [{ apiKey: ${NAME} }]" : `check what ${key} holds`;
    return failed(name, `reachable${after}, but refuses the key (${status})`, fix);
  }
  if (status >= 500)
    return failed(name, `reachable${after}, but broken (${status})`, "try again later, or ask whoever runs it");
  if (status === 429) return warning(name, `reachable${after}, but asks for a pause (429)`, "try again later");
  if (status >= 300 && status < 400) {
    return failed(name, `redirects (${status}), which is never followed`, `check its url: ${address}`);
  }
  return warning(
    name,
    `reachable${after}, but has no model list (${status})`,
    `check its url (${address}), or state its models: endpoints[].models`,
  );
}

function remedyFor(reason: string, address: string): string {
  switch (reason) {
    case "ECONNREFUSED":
    case "ECONNRESET":
      return `is it running? Its url is ${address}`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `check the name in its url (${address}), and this machine's DNS`;
    case "PATCHBAY_OUTBOUND_REFUSED":
      return "its address is one that the gateway never calls (link-local or metadata); use another";
    default:
      return /CERT|TLS|SSL/.test(reason)
        ? `check the certificate of ${address}`
        : `check its url (${address}) and the network`;
  }
}

/** @param latest The latest moment on record. All are milliseconds since 1970. */
export function judgeClock(now: number, latest: number | undefined): Check {
  const shown = new Date(now).toISOString();
  const fix = "set the clock, for example by NTP";
  if (now < written) return failed("clock", `it is ${shown} by this machine, before this program was written`, fix);
  if (latest !== undefined && latest > now + tolerance) {
    const then = new Date(latest).toISOString();
    return failed("clock", `it is ${shown} by this machine, but the store has a record of ${then}`, fix);
  }
  return ok("clock", shown);
}
