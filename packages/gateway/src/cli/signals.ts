import { closeSync, openSync } from "node:fs";
import { systemClock } from "../app/system-clock.ts";
import { exitCodes } from "./exit-codes.ts";

/** What the signals steer. */
export interface Stoppable {
  readonly log: { fatal(message: string, fields?: object): void };
  reload(): void;
  /** Lets what is under way finish. */
  stop(): Promise<void>;
  /** Writes what is gathered, now. */
  flush(): void;
}

/**
 * Within so many milliseconds a second signal is the first one again: Ctrl+C under npm reaches us from the terminal
 * and once more from npm.
 */
const echo = 250;

/**
 * Waits for SIGTERM or SIGINT and stops gracefully; a second one ends the process at once. SIGHUP reads the document
 * again. An error that nobody caught leaves us in a state that nobody knows: it is logged, and the gateway stops too.
 *
 * @param terminal Whether a person started it. Then SIGHUP may mean that the terminal was closed, which is a stop.
 * @returns the exit code, after everything has been closed.
 */
export function untilStopped(app: Stoppable, terminal: boolean): Promise<number> {
  return new Promise((resolve) => {
    let stoppingSince: number | undefined;
    let exitCode: number = exitCodes.ok;
    const stop = () => {
      stoppingSince = systemClock.monotonic();
      app.stop().then(
        () => resolve(exitCode),
        (error: unknown) => {
          app.log.fatal("stopping failed", { error });
          resolve(exitCodes.failure);
        },
      );
    };
    const onSignal = (signal: NodeJS.Signals) => {
      if (stoppingSince === undefined) stop();
      else if (systemClock.monotonic() - stoppingSince > echo) {
        exitAtOnce(app, "stopped at once by a second signal", { signal });
      }
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    process.on("SIGHUP", () => {
      if (!terminal || hasTerminal()) app.reload();
      else if (stoppingSince === undefined) stop();
    });
    process.on("uncaughtException", (error) => {
      if (stoppingSince !== undefined) exitAtOnce(app, "an error that nobody caught, while stopping", { error });
      app.log.fatal("an error that nobody caught; stopping", { error });
      exitCode = exitCodes.failure;
      stop();
    });
  });
}

function exitAtOnce(app: Stoppable, message: string, fields: object): never {
  app.log.fatal(message, fields);
  app.flush();
  process.exit(exitCodes.failure);
}

/** Whether this process still has the terminal that it was started from. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
