import type { Config } from "../config/types.ts";
import type { Clock } from "../kernel/clock.ts";
import type { KeyStore } from "../store/ports.ts";
import { isLoopbackHost } from "./assemble.ts";

/**
 * Why the gateway must not start: it would be open to the network, and nobody said that it should be. Undefined when
 * it may start. `keys` is asked only where it matters.
 */
export function exposure(
  config: Config,
  keys: Pick<KeyStore, "snapshot"> | undefined,
  clock: Pick<Clock, "now">,
): string | undefined {
  const { host } = config.server;
  if (isLoopbackHost(host) || config.access.open === "always" || config.access.fixedKeys.length > 0) return undefined;
  const now = clock.now();
  const stored = keys?.snapshot() ?? [];
  if (stored.some((key) => key.revokedAt === undefined && (key.expiresAt ?? Infinity) > now)) return undefined;
  return `server.host is ${host}, which others can reach, and there is no client key. Make one with \`patchbay keys create NAME\`, or state access.open: always in the document.`;
}
