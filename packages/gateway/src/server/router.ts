import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identity } from "../auth/identity.ts";
import type { Ingress } from "../kernel/codec.ts";
import type { Surface } from "./shapes.ts";

/** A request on its way through the listener. */
export interface Incoming {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
  /** Monotonic milliseconds at which its head was complete. */
  readonly startedAt: number;
  /** Path without the query, and the query without its question mark. */
  readonly path: string;
  readonly query: string;
  /** Set once the path is known to be served. */
  route?: Route;
  /** What the path holds in the place of a name, as it came: `%2F` is still that. */
  name?: string;
  /** Set once the caller is known; public routes have none. */
  identity?: Identity;
}

/** What a route is for, as `/openapi.json` tells it. */
export interface RouteAbout {
  readonly surface: Surface | "operation" | "control";
  readonly summary: string;
  /** What comes in, where that is not nothing. */
  readonly body?: "json" | "bytes";
  /** Media types that go out; JSON unless told. */
  readonly answers?: readonly string[];
  /** What `{name}` stands for in its path: a word for it, such as `model`, or a sentence. */
  readonly name?: string;
  /** Parameters of the query that it knows. */
  readonly query?: readonly string[];
}

export interface Route {
  /**
   * `public`: answers anyone. `key`: needs a key or open access. `operator`: a key, or a peer on this machine unless
   * access is never open. `admin`: the same peer, but no key of a client, and no page or proxy.
   */
  readonly access: "public" | "key" | "operator" | "admin";
  /** How errors look here. */
  readonly errors: Pick<Ingress, "writeError">;
  /** How errors look to this client, where several surfaces share the path. */
  readonly errorsFor?: (incoming: Incoming) => Pick<Ingress, "writeError">;
  /** Requests go on to a model, and count as such for their address. */
  readonly isToModel?: boolean;
  /** The key may stand in the query. */
  readonly queryKey?: boolean;
  readonly about?: RouteAbout;
  handle(incoming: Incoming): void;
}

type Method = "GET" | "HEAD" | "POST" | "DELETE";

/** Either the route, or the methods that the path has instead; undefined when there is no such path. */
export type Match =
  | { readonly route: Route; readonly name?: string }
  | { readonly allowed: readonly string[] }
  | undefined;

interface Pattern {
  readonly prefix: string;
  readonly suffix: string;
  readonly methods: Map<string, Route>;
}

/** The route table: exact paths, and a few prefixes whose rest is a name. No decoding: `/v1/%61dmin` is nobody's path. */
export class Router {
  readonly #exact = new Map<string, Map<string, Route>>();
  /** Those with longer endings first. */
  readonly #patterns: Pattern[] = [];

  add(method: Method, paths: readonly string[], route: Route): this {
    for (const path of paths) {
      const methods = this.#exact.get(path) ?? new Map<string, Route>();
      this.#exact.set(path, methods.set(method, route));
    }
    return this;
  }

  /** Every path that begins so, goes on and, where a suffix is given, ends so. */
  addPrefix(method: Method, prefixes: readonly string[], route: Route, suffix = ""): this {
    for (const prefix of prefixes) {
      const known = this.#patterns.find((candidate) => candidate.prefix === prefix && candidate.suffix === suffix);
      if (known === undefined) this.#patterns.push({ prefix, suffix, methods: new Map([[method, route]]) });
      else known.methods.set(method, route);
    }
    this.#patterns.sort((a, b) => b.suffix.length - a.suffix.length);
    return this;
  }

  match(method: string, path: string): Match {
    const exact = this.#exact.get(path) ?? this.#exact.get(trimSlash(path));
    if (exact !== undefined) return choose(exact, method);
    const pattern = this.#patterns.find(
      ({ prefix, suffix }) =>
        path.length > prefix.length + suffix.length && path.startsWith(prefix) && path.endsWith(suffix),
    );
    if (pattern === undefined) return undefined;
    const match = choose(pattern.methods, method);
    if ("allowed" in match) return match;
    return { ...match, name: path.slice(pattern.prefix.length, path.length - pattern.suffix.length) };
  }

  /** Every route with its path, for tests and descriptions that walk them all. */
  list(): readonly { readonly method: string; readonly path: string; readonly route: Route }[] {
    const exact = [...this.#exact].flatMap(([path, methods]) =>
      [...methods].map(([method, route]) => ({ method, path, route })),
    );
    const named = this.#patterns.flatMap(({ prefix, suffix, methods }) =>
      [...methods].map(([method, route]) => ({ method, path: `${prefix}{name}${suffix}`, route })),
    );
    return [...exact, ...named];
  }
}

function choose(
  methods: ReadonlyMap<string, Route>,
  method: string,
): { route: Route } | { allowed: readonly string[] } {
  const route = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
  return route === undefined ? { allowed: [...methods.keys()] } : { route };
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** The name that stands in a path, decoded; undefined where it is no valid encoding. May hold slashes. */
export function decodeName({ name = "" }: Incoming): string | undefined {
  try {
    return decodeURIComponent(name.endsWith("/") ? name.slice(0, -1) : name);
  } catch {
    return undefined;
  }
}
