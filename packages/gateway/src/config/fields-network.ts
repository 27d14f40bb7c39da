import { isIP } from "node:net";
import { isJsonObject } from "../kernel/json.ts";
import { Secret } from "../kernel/secret.ts";
import { readText } from "./fields.ts";
import { leaf } from "./leaf.ts";
import type { Report } from "./leaf.ts";

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/;

/** A host name or an IP address, without scheme, port or brackets. In lower case. */
export const host = (what: string) =>
  leaf({ type: "string", description: what }, (value, report) => {
    const given = readText(value, report, 253)?.toLowerCase();
    if (given === undefined) return undefined;
    if (isIP(given) !== 0 || (hostName.test(given) && !/^[\d.]+$/.test(given))) return given;
    return report("must be a host name or an IP address, without scheme and port");
  });

/** The base URL of an upstream, without a trailing slash. */
export const baseUrl = (what: string) =>
  leaf({ type: "string", description: what, examples: ["https://api.example.com/v1"] }, readBaseUrl);

/** An absolute http or https URL that holds nothing but scheme, host, port and path. */
export function readBaseUrl(value: unknown, report: Report): string | undefined {
  const given = readText(value, report, 2048);
  if (given === undefined) return undefined;
  // The parser would forgive these, each in its own way.
  if (!/^https?:\/\/[^/\\]/i.test(given) || /[\s\\]/.test(given) || !URL.canParse(given)) {
    return report("must be an http or https URL such as https://api.example.com/v1");
  }
  const url = new URL(given);
  if (url.username !== "" || url.password !== "") {
    return report("must not hold credentials; write them under `credentials`");
  }
  if (given.includes("?") || given.includes("#")) return report("must not hold a query or a fragment");
  return url.href.replace(/\/+$/, "");
}

/** The allowed origins for browsers: `["*"]`, or a list of `scheme://host:port`. */
export const origins = (what: string) =>
  leaf({ type: "array", items: { type: "string" }, default: [], description: what }, (value, report) => {
    if (value === null) return [];
    if (!Array.isArray(value)) return report("must be a list of origins, such as [https://app.example.com]");
    if (value.length === 1 && value[0] === "*") return ["*"];
    const result: string[] = [];
    for (const [index, item] of value.entries()) {
      const origin = readOrigin(item, (message) => report(message, [index]));
      if (origin !== undefined) result.push(origin);
    }
    return result;
  });

function readOrigin(value: unknown, report: Report): string | undefined {
  const given = readText(value, report, 300);
  if (given === undefined) return undefined;
  if (given === "*") return report("`*` must be the only origin");
  const plain = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\*]+$/i.test(given) && URL.canParse(given);
  if (!plain) return report("must be an origin such as https://app.example.com, without a path");
  const url = new URL(given);
  // Of schemes that browsers do not know themselves, such as a desktop shell's, the parser gives no origin.
  return url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
}

/** An API key. Blanks around it, such as a file's last line end, are no part of it. */
export const apiKey = (what: string) =>
  leaf({ type: "string", description: what, examples: ["${OPENAI_API_KEY}"] }, (value, report) => {
    if (typeof value === "number" || typeof value === "boolean") return report("must be a text; put it in quotes");
    if (typeof value !== "string") return report("must be a text");
    const key = value.trim();
    if (key === "") return report("is empty; leave `apiKey` out for an endpoint that needs none");
    if (!/^[\x21-\x7e]{1,8192}$/.test(key)) return report("must be printable ASCII without blanks");
    return new Secret(key);
  });

/** Fewer characters than this can be guessed. */
const shortestClientKey = 16;

/** A key that clients must show. */
export const clientKey = (what: string) =>
  leaf({ type: "string", description: what, examples: ["${CI_KEY}"] }, (value, report) => {
    if (typeof value !== "string") return report("must be a text, such as ${CI_KEY}");
    const key = value.trim();
    if (!/^[\x21-\x7e]{1,512}$/.test(key))
      return report("must be printable ASCII without blanks, at most 512 characters");
    return key.length < shortestClientKey
      ? report(`is too short: it needs at least ${shortestClientKey} characters`)
      : new Secret(key);
  });

/** The gateway writes these itself, or they belong to one connection only (RFC 9110, 7.6.1). */
const ownHeaders: ReadonlySet<string> = new Set([
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Extra request headers, names in lower case. Values may be secrets, so all are treated as such. */
export const headers = (what: string) =>
  leaf({ type: "object", additionalProperties: { type: "string" }, default: {}, description: what }, readHeaders);

function readHeaders(value: unknown, report: Report): { readonly [name: string]: Secret } | undefined {
  const result: { [name: string]: Secret } = Object.create(null) as { [name: string]: Secret };
  if (value === null) return result;
  if (!isJsonObject(value)) return report("must be a mapping of header names to texts");
  for (const [name, item] of Object.entries(value)) {
    const lower = name.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(lower)) report("is no valid header name", [name]);
    else if (ownHeaders.has(lower)) report("is a header that the gateway writes itself", [name]);
    else if (Object.hasOwn(result, lower)) report("is given twice; header names ignore case", [name]);
    else if (typeof item !== "string") report("must be a text; put it in quotes", [name]);
    else if (!/^[\t\x20-\x7e\x80-\xff]{0,8192}$/.test(item)) {
      report("must not hold line breaks, control characters or characters beyond Latin-1", [name]);
    } else result[lower] = new Secret(item.trim());
  }
  return result;
}
