import { Command } from "commander";
import { version } from "../app/version.ts";
import { nearest } from "../kernel/nearest.ts";
import type { ExplainFlags } from "./commands/route.ts";
import type { HealthFlags } from "./commands/healthcheck.ts";
import type { CreateFlags } from "./commands/keys.ts";
import type { ConfigFlags, Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { plain } from "./text.ts";
import { laterCommands } from "./unavailable.ts";

/** A command line that cannot be understood; `message` ends with the command that helps. */
export class UsageError extends Error {}

/** What a command line turned out to ask for. */
export interface Outcome {
  exitCode: number;
}

/**
 * The table of commands. Each loads its own code when it is run, so that a start loads nothing that it does not need.
 * A parse throws commander's errors for help and version (exit code 0), and UsageError.
 */
export function createProgram(context: Context, outcome: Outcome): Command {
  const program = new Command("patchbay")
    .description("LLM gateway: any client protocol in front of any backend, one process, one port.")
    .version(version, "-v, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show help for a command")
    .option("--config <file>", "the document (default: ./patchbay.yaml, then ~/.config/patchbay/config.yaml)")
    .option("--data-dir <dir>", "where keys and the ledger live (default: ~/.local/share/patchbay)")
    .option("--no-detect", "take no endpoints from the environment or this machine")
    .option("--json", "one JSON value on stdout")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  program.addHelpText("after", example("patchbay --port 0", "patchbay doctor", "patchbay keys create laptop"));

  const run = async (work: Promise<number>) => {
    outcome.exitCode = await work;
  };

  listening(program.command("start", { isDefault: true }))
    .description("run the gateway (the default command)")
    .option("--log-level <level>", "trace, debug, info, warn, error, fatal or silent (default: info)")
    .allowExcessArguments()
    .addHelpText("after", example("patchbay start --config patchbay.yaml --port 8080"))
    .action(async (_flags, command: Command) => {
      const [extra] = command.args;
      if (extra !== undefined) throw unexpected(extra, program);
      const { start } = await import("./commands/start.ts");
      await run(start(context, command.optsWithGlobals<ConfigFlags>()));
    });

  program
    .command("models")
    .description("list the model names that clients may use, with route, context window and price")
    .addHelpText("after", example("patchbay models --json"))
    .action(async (_flags, command: Command) => {
      const { models } = await import("./commands/models.ts");
      await run(models(context, command.optsWithGlobals<ConfigFlags>()));
    });

  program
    .command("route")
    .description("look into the routing")
    .command("explain <model>")
    .description("say where a request for a model would go, in which order and why")
    .option("--embeddings", "a request for embeddings instead of text")
    .option("--tools", "a request that offers tools")
    .option("--image", "a request with an image")
    .option("--schema", "a request whose answer must fit a JSON schema")
    .option("--tokens <n>", "a request with a prompt of so many tokens")
    .option("--offline", "by the document alone, without asking a gateway that runs by it")
    .addHelpText("after", example("patchbay route explain gpt-4o"))
    .action(async (model: string, _flags, command: Command) => {
      const { explainRoute } = await import("./commands/route.ts");
      await run(explainRoute(context, model, command.optsWithGlobals<ExplainFlags>()));
    });

  const keys = program.command("keys").description("make, list and revoke client keys");
  keys
    .command("create <name>")
    .description("make a client key and show it, once; alone on stdout")
    .option("--expires <when>", "a duration such as 30d or 12h, or a date such as 2027-01-31")
    .option("--model <pattern...>", "models it may use, with one * at most in each (default: all)")
    .option("--requests-per-minute <n>", "most requests in any minute (default: any number)")
    .option("--tokens-per-minute <n>", "most tokens in any minute, input and output together")
    .option("--tokens-per-day <n>", "most tokens in any 24 hours")
    .option("--usd-per-day <amount>", "most US dollars on a day (UTC); only models with a known price")
    .option("--usd-per-month <amount>", "most US dollars in a month (UTC); only models with a known price")
    .option("--concurrent <n>", "most requests at a time; more of them wait")
    .option("--priority <n>", "who waits with a greater one goes first (default: 0)")
    .addHelpText("after", example("patchbay keys create ci --expires 30d --model 'gpt-*' coder"))
    .action(async (name: string, _flags, command: Command) => {
      const { createKey } = await import("./commands/keys.ts");
      await run(createKey(context, name, command.optsWithGlobals<CreateFlags>()));
    });
  keys
    .command("list")
    .description("list client keys, revoked and expired ones too")
    .addHelpText("after", example("patchbay keys list --json"))
    .action(async (_flags, command: Command) => {
      const { listKeys } = await import("./commands/keys.ts");
      await run(listKeys(context, command.optsWithGlobals<ConfigFlags>()));
    });
  keys
    .command("revoke <id>")
    .description("revoke a client key at once, for running gateways too")
    .addHelpText("after", example("patchbay keys revoke 4fQ2abXy"))
    .action(async (id: string, _flags, command: Command) => {
      const { revokeKey } = await import("./commands/keys.ts");
      await run(revokeKey(context, id, command.optsWithGlobals<ConfigFlags>()));
    });

  const config = program.command("config").description("look into the document");
  config
    .command("validate [file]")
    .description("say whether a document is valid, with file, line and column of every problem")
    .addHelpText("after", example("patchbay config validate patchbay.yaml"))
    .action(async (file: string | undefined, _flags, command: Command) => {
      const { validate } = await import("./commands/config.ts");
      const flags = command.optsWithGlobals<ConfigFlags>();
      await run(validate(context, file === undefined ? flags : { ...flags, config: file }));
    });
  config
    .command("schema")
    .description("print the document's JSON Schema")
    .addHelpText("after", example("patchbay config schema > patchbay.schema.json"))
    .action(async () => {
      const { schema } = await import("./commands/config.ts");
      await run(schema(context));
    });
  config
    .command("path")
    .description("print which document is used")
    .addHelpText("after", example('${EDITOR:-vi} "$(patchbay config path)"'))
    .action(async (_flags, command: Command) => {
      const { path } = await import("./commands/config.ts");
      await run(path(context, command.optsWithGlobals<ConfigFlags>()));
    });

  listening(program.command("doctor"))
    .description("check everything that a gateway needs, with a fix for every finding")
    .addHelpText("after", example("patchbay doctor --json"))
    .action(async (_flags, command: Command) => {
      const { doctor } = await import("./commands/doctor.ts");
      await run(doctor(context, command.optsWithGlobals<ConfigFlags>()));
    });

  listening(program.command("healthcheck"))
    .description("ask the running gateway whether it is ready: exit 0 or 1, for containers")
    .option("--url <url>", "where it listens (default: what the configuration says)")
    .addHelpText("after", example("patchbay healthcheck --url http://127.0.0.1:4141"))
    .action(async (_flags, command: Command) => {
      const { healthcheck } = await import("./commands/healthcheck.ts");
      await run(healthcheck(context, command.optsWithGlobals<HealthFlags>()));
    });

  for (const [name, instead] of laterCommands) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false)
      .action(() => {
        context.output.fail(`\`patchbay ${name}\` is not available in this version; ${instead}.`);
        outcome.exitCode = exitCodes.usage;
      });
  }
  return program;
}

/** With where the gateway listens, for the commands that care. */
const listening = (command: Command): Command =>
  command
    .option("--port <n>", "port to listen on; 0 picks a free one (default: 4141)")
    .option("--host <h>", "address to listen on (default: 127.0.0.1)");

const example = (...lines: readonly string[]): string =>
  `\nExample${lines.length === 1 ? "" : "s"}:\n${lines.map((line) => `  ${line}`).join("\n")}`;

/** A word where a command is expected. The default command takes no words, so none is meant for it. */
function unexpected(word: string, program: Command): UsageError {
  if (program.args[0] === "start") return new UsageError(`start takes no arguments, and was given '${plain(word)}'`);
  const names = program.commands.map((command) => command.name());
  const [near] = nearest(word, names);
  return new UsageError(`unknown command '${plain(word)}'${near === undefined ? "" : `; did you mean '${near}'?`}`);
}
