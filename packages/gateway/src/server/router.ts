import type { IncomingMessage, ServerResponse } from "node:http";
import type { Identity } from "../auth/identity.ts";
import type { Ingress } from "../kernel/codec.ts";

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
  /** Set once the caller is known; public routes have none. */
  identity?: Identity;
}

export interface Route {
  /** `public`: answers anyone. `key`: needs a key or open access. `operator`: a key, or a peer on this machine unless access is never open. */
  readonly access: "public" | "key" | "operator";
  /** How errors look here. */
  readonly errors: Pick<Ingress, "writeError">;
  handle(incoming: Incoming): void;
}

type Method = "GET" | "HEAD" | "POST" | "DELETE";

/** Either the route, or the methods that the path has instead; undefined when there is no such path. */
export type Match = { readonly route: Route } | { readonly allowed: readonly string[] } | undefined;

/** The route table: exact paths, and a few prefixes whose rest is a name. No decoding: `/v1/%61dmin` is nobody's path. */
export class Router {
  readonly #exact = new Map<string, Map<string, Route>>();
  readonly #prefixes: { readonly prefix: string; readonly methods: Map<string, Route> }[] = [];

  add(method: Method, paths: readonly string[], route: Route): this {
    for (const path of paths) {
      const methods = this.#exact.get(path) ?? new Map<string, Route>();
      this.#exact.set(path, methods.set(method, route));
    }
    return this;
  }

  /** Every path that begins so and goes on. */
  addPrefix(method: Method, prefixes: readonly string[], route: Route): this {
    for (const prefix of prefixes) {
      const known = this.#prefixes.find((candidate) => candidate.prefix === prefix);
      if (known === undefined) this.#prefixes.push({ prefix, methods: new Map([[method, route]]) });
      else known.methods.set(method, route);
    }
    return this;
  }

  match(method: string, path: string): Match {
    const methods = this.#exact.get(path) ?? this.#exact.get(trimSlash(path)) ?? this.#byPrefix(path);
    if (methods === undefined) return undefined;
    const route = methods.get(method) ?? (method === "HEAD" ? methods.get("GET") : undefined);
    return route === undefined ? { allowed: [...methods.keys()] } : { route };
  }

  /** Every route with its path, for tests that walk them all. */
  list(): readonly { readonly method: string; readonly path: string; readonly route: Route }[] {
    const exact = [...this.#exact].flatMap(([path, methods]) =>
      [...methods].map(([method, route]) => ({ method, path, route })),
    );
    const prefixed = this.#prefixes.flatMap(({ prefix, methods }) =>
      [...methods].map(([method, route]) => ({ method, path: `${prefix}{name}`, route })),
    );
    return [...exact, ...prefixed];
  }

  #byPrefix(path: string): Map<string, Route> | undefined {
    return this.#prefixes.find(({ prefix }) => path.length > prefix.length && path.startsWith(prefix))?.methods;
  }
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
