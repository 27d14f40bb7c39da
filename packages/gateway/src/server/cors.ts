import type { Incoming } from "./router.ts";

/** Nothing unless the origin is configured: without it a browser keeps our answers from the page. */
export function corsHeaders(origin: string, allowed: readonly string[]): string[] {
  if (!allowed.includes(origin) && !allowed.includes("*")) return [];
  // Pages may read all headers: each is ours, or was chosen. The star counts for requests without cookies, as all are.
  return ["access-control-allow-origin", origin, "access-control-expose-headers", "*", "vary", "origin"];
}

/** Answers a preflight of a configured origin; false when it is none. Keys come in headers, so no cookies are allowed. */
export function answerPreflight({ request, response }: Incoming, allowed: readonly string[]): boolean {
  const { origin } = request.headers;
  if (origin === undefined || request.headers["access-control-request-method"] === undefined) return false;
  const headers = corsHeaders(origin, allowed);
  if (headers.length === 0) return false;
  const wanted = request.headers["access-control-request-headers"] ?? "authorization, content-type";
  headers.push("access-control-allow-methods", "GET, POST, DELETE, OPTIONS", "access-control-allow-headers", wanted);
  response.writeHead(204, [...headers, "access-control-max-age", "600"]);
  response.end();
  return true;
}
