import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { listen } from "./port.ts";

/** What a proxy does with a connection. */
type Mood =
  | { readonly kind: "pass" }
  /** Accepts, and lets nothing through in either direction; what came meanwhile goes on with the thaw. */
  | { readonly kind: "frozen" }
  /** Each answer comes so many milliseconds later. */
  | { readonly kind: "slow"; readonly delay: number };

/** A TCP proxy in front of a server that can be made to misbehave. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that were made to it in all. */
  readonly connections: number;
  freeze(): void;
  slow(delay: number): void;
  /** Ends every connection and takes no new ones. */
  refuse(): Promise<void>;
  /** Ends every connection with a reset; new ones are welcome. */
  cut(): void;
  /** All is well again, also with connections that stand. */
  heal(): Promise<void>;
}

export async function startProxy(target: number): Promise<Proxy> {
  let mood: Mood = { kind: "pass" };
  let connections = 0;
  const pairs = new Set<readonly [Socket, Socket]>();
  const server = createServer((client) => {
    connections++;
    const upstream = connect(target, "127.0.0.1");
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.on("error", end);
      socket.on("close", end);
    }
    client.on("data", (data) => upstream.write(data));
    upstream.on("data", (data) => {
      if (mood.kind === "slow") setTimeout(() => client.destroyed || client.write(data), mood.delay);
      else client.write(data);
    });
    if (mood.kind === "frozen") for (const socket of pair) socket.pause();
  });
  const port = await listen(server);
  const all = () => [...pairs].flat();
  return {
    port,
    get connections() {
      return connections;
    },
    freeze: () => {
      mood = { kind: "frozen" };
      for (const socket of all()) socket.pause();
    },
    slow: (delay) => {
      mood = { kind: "slow", delay };
    },
    refuse: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of all()) socket.destroy();
      await closed;
    },
    cut: () => {
      for (const [client] of pairs) client.resetAndDestroy();
    },
    heal: async () => {
      mood = { kind: "pass" };
      if (!server.listening) await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      for (const socket of all()) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of all()) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}
