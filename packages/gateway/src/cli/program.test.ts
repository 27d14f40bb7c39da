import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "commander";
import { environmentOf } from "../config/environment.ts";
import { outputTo } from "./output.ts";
import { createProgram } from "./program.ts";
import { laterCommands } from "./unavailable.ts";

function program(): Command {
  const silent = { write: () => undefined };
  const output = outputTo({ json: false, environment: environmentOf({}), stdout: silent, stderr: silent });
  return createProgram({ output, environment: environmentOf({}), directory: "/" }, { exitCode: 0 });
}

function helpOf(command: Command): string {
  let help = "";
  command.configureOutput({ writeOut: (text) => void (help += text) });
  command.outputHelp();
  return help;
}

/** The commands that do something, with their whole names. */
function leaves(command: Command, path: readonly string[] = []): readonly (readonly [string, Command])[] {
  if (command.commands.length === 0) return [[path.join(" "), command]];
  return command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
}

const visible = leaves(program()).filter(([name]) => !laterCommands.has(name));

test("the commands are those of the contract that this version has", () => {
  assert.deepEqual(
    visible.map(([name]) => name),
    [
      "start",
      "models",
      "route explain",
      "keys create",
      "keys list",
      "keys revoke",
      "config validate",
      "config schema",
      "config path",
      "doctor",
      "healthcheck",
    ],
  );
});

for (const [name, command] of visible) {
  test(`the help of ${name} shows an example of it`, () => {
    const help = helpOf(command);
    const example = /Example:\n\s+(.*)/.exec(help)?.[1] ?? "";
    assert.ok(example.includes(`patchbay ${name}`), help);
  });
}
