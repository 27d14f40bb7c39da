import { execFile } from "node:child_process";
import { mkdir, access, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { closedPort } from "../test/support/upstream.ts";
import { startChild } from "./child.ts";
import type { Target } from "./targets.ts";

/** Other gateways to measure beside ours, as rows. A peer that is a Node package needs no more than its row. */

interface NodePeer {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** Versions that its own lockfile pins where newer ones break it. */
  readonly overrides: { readonly [name: string]: string };
  /** Dependencies as of this day, so that every run installs the same. */
  readonly before: string;
  readonly script: string;
  readonly arguments: (port: number) => readonly string[];
  readonly ready: RegExp;
  readonly headers: (upstream: string) => { readonly [name: string]: string };
}

/** A peer whose way of installing and starting is not written yet. */
interface MissingPeer {
  readonly name: string;
  readonly missing: string;
}

const peers: readonly (NodePeer | MissingPeer)[] = [
  {
    name: "portkey",
    package: "@portkey-ai/gateway",
    version: "1.15.2",
    // Its repository's package-lock.json has 1.3.3; its range allows newer ones, whose streams never end with it.
    overrides: { "@hono/node-server": "1.3.3" },
    before: "2026-08-24",
    script: "node_modules/@portkey-ai/gateway/build/start-server.js",
    arguments: (port) => [`--port=${port}`, "--headless"],
    ready: /Ready for connections/u,
    headers: (upstream) => ({
      authorization: "Bearer sk-bench",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `${upstream}/v1`,
    }),
  },
  { name: "litellm", missing: "not available yet: needs Python and a configuration file" },
  { name: "bifrost", missing: "not available yet: needs its Go binary" },
];

export const peerNames: readonly string[] = peers.map((peer) => peer.name);

/** Installs into a folder of its own under the system's temporary one, once; scripts of packages are not run. */
async function install(peer: NodePeer): Promise<string> {
  const folder = join(tmpdir(), "patchbay-bench-peers", `${peer.name}-${peer.version}`);
  try {
    await access(join(folder, "installed"));
    return folder;
  } catch {
    // Not there yet, or only in part.
  }
  await mkdir(folder, { recursive: true });
  const manifest = {
    private: true,
    dependencies: { [peer.package]: peer.version },
    overrides: peer.overrides,
  };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  const argv = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", `--before=${peer.before}`];
  await promisify(execFile)("npm", argv, { cwd: folder });
  await writeFile(join(folder, "installed"), "");
  return folder;
}

function targetOf(peer: NodePeer, folder: string): Target {
  return {
    name: peer.name,
    async start(upstream, extra = {}) {
      const port = await closedPort();
      const argv = [...(extra.nodeFlags ?? []), join(folder, peer.script), ...peer.arguments(port)];
      const child = await startChild({
        argv,
        ready: new RegExp(`(${peer.ready.source})`, "u"),
        environment: { NODE_ENV: "production" },
        ipc: extra.ipc ?? false,
      });
      const place = { origin: `http://127.0.0.1:${port}`, headers: peer.headers(upstream), client: "openai" as const };
      return { child, place, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
    },
  };
}

/** The targets for these names; throws a sentence for one that is unknown or not available. */
export async function preparePeers(names: readonly string[]): Promise<readonly Target[]> {
  const result: Target[] = [];
  for (const name of names) {
    const peer = peers.find((row) => row.name === name);
    if (peer === undefined) throw new Error(`There is no peer "${name}"; there are ${peerNames.join(", ")}.`);
    if ("missing" in peer) throw new Error(`Peer "${name}" is ${peer.missing}.`);
    result.push(targetOf(peer, await install(peer)));
  }
  return result;
}
