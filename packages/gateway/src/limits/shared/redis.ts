import type { Secret } from "../../kernel/secret.ts";
import { wordOf } from "./wire.ts";
import type { Line } from "./wire.ts";

/**
 * Opens a connection, or says in a word why there is none. `lost` is told when it ends without having been closed.
 */
export type Dial = (lost: (why: string) => void) => Promise<Line | string>;

/** Milliseconds until a connection stands, with its password and database. */
const connectPatience = 500;

/**
 * Connections to Redis by its official client, which is loaded here and only here. The client keeps none alive and queues
 * nothing while it has none: left to itself it would wait for as long as the server does not answer.
 *
 * @param url `redis://` or `rediss://`.
 */
export async function redisDial(url: Secret): Promise<Dial> {
  const { createClient } = await import("redis");
  return async (lost) => {
    const client = createClient({
      url: url.reveal(),
      RESP: 2,
      disableOfflineQueue: true,
      disableClientInfo: true,
      socket: { connectTimeout: connectPatience, reconnectStrategy: false },
    });
    let problem: string | undefined;
    client.on("error", (error) => {
      problem ??= wordOf(error);
      lost(problem);
    });
    const patience = setTimeout(() => client.isOpen && client.destroy(), connectPatience);
    try {
      await client.connect();
    } catch (error) {
      return problem ?? wordOf(error);
    } finally {
      clearTimeout(patience);
    }
    return {
      send: (command) => client.sendCommand(command),
      close: () => {
        client.removeAllListeners("error");
        // What is still under way may end in an error, of which nobody needs to know.
        client.on("error", () => {});
        if (client.isOpen) client.destroy();
      },
    };
  };
}
