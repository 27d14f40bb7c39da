import { locate } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { plain } from "../text.ts";

export interface HealthFlags extends ConfigFlags {
  readonly url?: string;
}

/** Milliseconds that the gateway has to answer. */
const patience = 2000;

/** Asks the running gateway whether it is ready: 0 when it is, 1 when not. For containers. */
export async function healthcheck(context: Context, flags: HealthFlags): Promise<number> {
  const { output } = context;
  const target = flags.url === undefined ? await configuredUrl(context, flags) : givenUrl(context, flags.url);
  if ("exitCode" in target) return target.exitCode;
  const { askReadiness } = await import("../../app/running.ts");
  const { url } = target;
  const answer = await askReadiness(url, patience);
  if (answer.state === "ready") {
    output.result({ ready: true, url }, ["ready"]);
    return exitCodes.ok;
  }
  if (answer.state === "silent") {
    output.fail(`Nobody answers at ${url}. Is it running? \`patchbay start\` starts it.`);
  } else {
    const lines = answer.text
      .split("\n")
      .slice(1)
      .filter((line) => line !== "");
    const why = lines.length === 0 ? "" : `: ${lines.map((line) => line.replace(/^- /, "")).join("; ")}`;
    output.fail(plain(`The gateway at ${url} is not ready (${answer.status})${why}`.slice(0, 1000)));
  }
  return exitCodes.failure;
}

type Target = { readonly url: string } | { readonly exitCode: number };

function givenUrl({ output }: Context, text: string): Target {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return { url: url.origin };
  output.fail(`--url ${plain(text)} is no http URL; write it like http://127.0.0.1:4141.`);
  return { exitCode: exitCodes.usage };
}

/**
 * The address that the configuration names. An invalid document does not say where, but a running gateway lives on
 * with the one before, so it is looked for where flags, environment and defaults say.
 */
async function configuredUrl(context: Context, flags: HealthFlags): Promise<Target> {
  const { output } = context;
  const options = locate(context, flags);
  const { readConfig } = await import("../../app/configuration.ts");
  const loaded = readConfig(options);
  if (!loaded.ok) output.error("The configuration is not valid; `patchbay config validate` says why.");
  const usable = loaded.ok ? loaded : readConfig({ ...options, file: undefined }, "");
  // Containers know 0 and 1 only.
  if (!usable.ok) return { exitCode: exitCodes.failure };
  const { host, port } = usable.config.server;
  if (port === 0) {
    output.fail("server.port is 0, so only the gateway knows its port. Say where it listens: --url URL.");
    return { exitCode: exitCodes.usage };
  }
  const { localUrl } = await import("../../app/running.ts");
  return { url: localUrl(host, port) };
}
