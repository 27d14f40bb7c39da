import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { close, listen } from "./port.ts";

const isThere = spawnSync("redis-server", ["--version"]).status === 0;

/** Why tests that need a Redis are left out; false where there is one. CI must have one. */
export const noRedis: string | false =
  isThere || process.env["CI"] !== undefined
    ? false
    : "there is no redis-server here (Debian: apt-get install redis-server)";

/** A test that needs a real Redis: left out, with its reason, where there is none; it fails then in CI. */
export function redisTest(name: string, run: () => Promise<void>): void {
  test(name, { skip: noRedis, timeout: 60_000 }, run);
}

/** A real Redis of its own, on a port and in a directory of its own, which keeps nothing. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Stops it without a word; it has forgotten everything when it is started again. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Stops and goes on with the process itself. */
  signal(name: "SIGSTOP" | "SIGCONT"): void;
  /** Runs a command by hand, and gives the raw reply. */
  run(...command: readonly string[]): Promise<string>;
}

export async function startRedis(options: readonly string[] = []): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), "patchbay-redis-"));
  const holder = createServer();
  const port = await listen(holder);
  await close(holder);
  let child: ChildProcess | undefined;
  const start = async () => {
    const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory, ...options];
    child = spawn("redis-server", args, { stdio: "ignore" });
    await ready(port);
  };
  const stop = async () => {
    if (child === undefined) return;
    const gone = new Promise((resolve) => child?.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    child = undefined;
  };
  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    signal: (name) => void child?.kill(name),
    run: (...command) => ask(port, command),
    [Symbol.asyncDispose]: async () => {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Sends one command in Redis's own protocol (RESP2), and gives what comes back first. */
function ask(port: number, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject);
    socket.once("data", (data) => {
      resolve(data.toString().trim());
      socket.destroy();
    });
    socket.write(
      `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join("")}`,
    );
  });
}

async function ready(port: number): Promise<void> {
  for (const deadline = performance.now() + 10_000; ;) {
    const answer = await ask(port, ["PING"]).catch(() => "");
    // One that wants a password is there too.
    if (/^(?:\+PONG|-NOAUTH)/.test(answer)) return;
    if (performance.now() > deadline) throw new Error("redis-server did not start within ten seconds.");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
