import { StoreError } from "../store/store-error.ts";
import type { StoreTrouble } from "../store/store-error.ts";

/** Troubles with the store that the machine has; all others are of the configuration. */
const machineTroubles: ReadonlySet<StoreTrouble> = new Set<StoreTrouble>(["full", "locked", "device", "closed"]);

/** Why the gateway did not start, in one sentence with its remedy. */
export class StartError extends Error {
  /** 1: something failed; 78: the configuration is at fault (sysexits' EX_CONFIG). */
  readonly exitCode: 1 | 78;

  constructor(message: string, exitCode: 1 | 78) {
    super(message);
    this.exitCode = exitCode;
  }

  static fromListening(error: unknown, host: string, port: number): StartError {
    const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
    switch (code) {
      case "EADDRINUSE":
        return new StartError(
          `port ${port} is taken on ${host}. Stop what uses it, or choose another: --port N, or --port 0 for any free one.`,
          1,
        );
      case "EACCES":
        return new StartError(`port ${port} may not be used by this user. Choose one above 1023 with --port N.`, 1);
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return new StartError(`${host} is not an address of this machine. Set server.host, or --host.`, 78);
      default:
        return new StartError(`cannot listen on ${host} port ${port} (${code ?? "unknown error"}).`, 1);
    }
  }

  /** Gives trouble with the store its exit code; any other error is returned as it is. */
  static fromStore(error: unknown): unknown {
    if (!(error instanceof StoreError)) return error;
    return new StartError(error.message, machineTroubles.has(error.trouble) ? 1 : 78);
  }
}
