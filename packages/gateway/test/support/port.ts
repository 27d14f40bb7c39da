import type { Server } from "node:net";

/** The port on which a server listens; throws when it does not, or listens on a pipe. */
export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server does not listen on a port.");
  return address.port;
}

/** Binds a server to a free port of the loopback interface. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, "127.0.0.1", 4096, () => resolve(portOf(server))));
}

/** Stops listening; resolves when every connection is closed. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
