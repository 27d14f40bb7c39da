import type { ClientKey } from "../../app/client-keys.ts";
import { systemClock } from "../../app/system-clock.ts";
import type { Config } from "../../config/types.ts";
import { load, locate, orExplain } from "../context.ts";
import type { ConfigFlags, Context } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { parseExpiry } from "../expiry.ts";
import { describedLimits, readLimits, shownLimits } from "../key-limits.ts";
import type { LimitFlags } from "../key-limits.ts";
import { moment, plain, table } from "../text.ts";

export interface CreateFlags extends ConfigFlags, LimitFlags {
  readonly expires?: string;
  readonly model?: readonly string[];
}

/** Makes a client key and shows it, once. Where stdout is no terminal, it gets the key and nothing else. */
export async function createKey(context: Context, name: string, flags: CreateFlags): Promise<number> {
  const { output } = context;
  const expiresAt = flags.expires === undefined ? undefined : parseExpiry(flags.expires, systemClock.now());
  if (flags.expires !== undefined && expiresAt === undefined) {
    output.fail(
      `--expires ${plain(flags.expires)} is no time; write a duration such as 30d or 12h, or a date such as 2027-01-31.`,
    );
    return exitCodes.usage;
  }
  const limits = readLimits(flags);
  if (typeof limits === "string") {
    output.fail(limits);
    return exitCodes.usage;
  }
  return withKeys(context, flags, async (config) => {
    const { createClientKey } = await import("../../app/client-keys.ts");
    const created = await createClientKey(config, {
      name,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(flags.model === undefined ? {} : { models: flags.model }),
      ...(limits === undefined ? {} : { limits }),
    });
    if (!created.ok) {
      output.fail(plain(created.problem));
      return exitCodes.usage;
    }
    output.result({ ...described(created.made), key: created.key }, [created.key]);
    if (!output.json) {
      output.error(
        "This key is shown only now. Keep it, and send it as `Authorization: Bearer KEY` (or x-api-key), for example:",
      );
      // The key itself only where a person sees it: stderr often ends in a log.
      output.error(`  export PATCHBAY_API_KEY=${output.terminal ? created.key : "KEY"}`);
      output.error(
        `  curl -H "Authorization: Bearer $PATCHBAY_API_KEY" http://127.0.0.1:${config.server.port}/v1/models`,
      );
      output.error(`Revoke it with \`patchbay keys revoke ${created.made.id}\`.`);
    }
    return exitCodes.ok;
  });
}

/** Lists the client keys, without the keys themselves: nobody has them. */
export async function listKeys(context: Context, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  return withKeys(context, flags, async (config) => {
    const { listClientKeys } = await import("../../app/client-keys.ts");
    const keys = await listClientKeys(config);
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.state,
      moment(key.createdAt),
      key.expiresAt === undefined ? "never" : moment(key.expiresAt),
      key.models?.join(" ") ?? "all",
      shownLimits(key.limits),
    ]);
    const lines =
      rows.length === 0 ? [] : table([["ID", "NAME", "STATE", "CREATED", "EXPIRES", "MODELS", "LIMITS"], ...rows]);
    output.result({ keys: keys.map(described) }, lines);
    if (rows.length === 0 && !output.json) output.error("There is no key. Make one with `patchbay keys create NAME`.");
    return exitCodes.ok;
  });
}

/** Revokes a key, at once. */
export async function revokeKey(context: Context, id: string, flags: ConfigFlags): Promise<number> {
  const { output } = context;
  return withKeys(context, flags, async (config) => {
    const { revokeClientKey, listClientKeys } = await import("../../app/client-keys.ts");
    const revoked = await revokeClientKey(config, id);
    if (revoked === undefined) {
      output.fail(unknownKey(id, await listClientKeys(config)));
      return exitCodes.failure;
    }
    const text = `${revoked.id} (${plain(revoked.name)}) is revoked since ${moment(revoked.revokedAt ?? 0)}.`;
    output.result(described(revoked), [text]);
    return exitCodes.ok;
  });
}

/** A whole key that is mistyped must not be repeated on a screen. */
function unknownKey(given: string, keys: readonly ClientKey[]): string {
  const named = keys.find(({ name, state }) => name === given && state !== "revoked");
  if (named !== undefined) {
    return `Keys are revoked by their id: \`patchbay keys revoke ${named.id}\` revokes ${plain(named.name)}.`;
  }
  const shown = given.length > 12 ? "this id" : `the id ${plain(given)}`;
  return `No key has ${shown}. \`patchbay keys list\` shows the ids.`;
}

async function withKeys(
  context: Context,
  flags: ConfigFlags,
  work: (config: Config) => Promise<number>,
): Promise<number> {
  const loaded = await load(context, locate(context, flags));
  if ("exitCode" in loaded) return loaded.exitCode;
  const { config } = loaded;
  if (config.store === ":memory:") {
    context.output.fail(
      "The store is :memory:, so a key would be gone at once. Name a file in `store`, or leave it out.",
    );
    return exitCodes.configuration;
  }
  return orExplain(context.output, () => work(config));
}

/** As programs read it: times in ISO 8601. */
function described({ id, name, state, createdAt, expiresAt, revokedAt, models, limits }: ClientKey) {
  return {
    id,
    name,
    state,
    createdAt: moment(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt: moment(expiresAt) }),
    ...(revokedAt === undefined ? {} : { revokedAt: moment(revokedAt) }),
    ...(models === undefined ? {} : { models }),
    ...(limits === undefined ? {} : { limits: describedLimits(limits) }),
  };
}
