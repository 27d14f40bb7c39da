import type { AddressSettings } from "../config/types.ts";
import type { Clock } from "../kernel/clock.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { AddressLimits } from "../limits/addresses.ts";
import type { AddressClass } from "../limits/addresses.ts";
import type { Incoming, Route } from "./router.ts";

/** What comes: a request, an upgrade without a route, or a message on a connection. */
interface Arrival extends Pick<Incoming, "request"> {
  readonly route?: Pick<Route, "about" | "access" | "isToModel"> | undefined;
}

/** Keeps every address within `server.limits.perAddress`, before anybody is asked who comes. */
export class AddressGuard {
  readonly #limits: AddressLimits;

  constructor(clock: Clock) {
    this.#limits = new AddressLimits(clock);
  }

  /** Counts a request; why it may not go on, if it may not. */
  refusal({ request, route }: Arrival, rule: AddressSettings): Failure | undefined {
    const address = request.socket.remoteAddress;
    const tries = route?.access === "public" ? undefined : this.#limits.look(address, rule, "auth");
    if (tries !== undefined) return tooMany("auth", tries);
    const kind = classOf(route, rule.chat !== undefined);
    const wait = this.#limits.take(address, rule, kind);
    return wait === undefined ? undefined : tooMany(kind, wait);
  }

  /** Counts a message to a model on a connection that stays; why it may not go on, if it may not. */
  message(request: Incoming["request"], rule: AddressSettings | undefined): Failure | undefined {
    return rule === undefined ? undefined : this.refusal({ request, route: { access: "key", isToModel: true } }, rule);
  }

  /** A key was wrong. */
  failed({ request }: Pick<Incoming, "request">, rule: AddressSettings, why: Failure): void {
    if (why.kind === "unauthorized") this.#limits.take(request.socket.remoteAddress, rule, "auth");
  }
}

/** What a route counts as. An upgrade has none; each of the messages on its connection leads to a model. */
function classOf(route: Pick<Route, "about" | "isToModel"> | undefined, hasChat: boolean): AddressClass {
  // Health is asked by machines, often: it counts only where it has a figure of its own.
  if (route?.about?.surface === "operation") return "health";
  return route?.isToModel === true && hasChat ? "chat" : "requests";
}

const words: { readonly [Class in AddressClass]: string } = {
  requests: "requests",
  chat: "requests to models",
  auth: "requests with a wrong key",
  health: "questions for health",
};

function tooMany(kind: AddressClass, wait: number): Failure {
  const seconds = Math.ceil(wait / 1000);
  const message = `Too many ${words[kind]} from this address (server.limits.perAddress.${kind}). Try again in ${seconds} s.`;
  return failure("over-limit", message, { limit: `address.${kind}`, retryAfter: wait });
}
