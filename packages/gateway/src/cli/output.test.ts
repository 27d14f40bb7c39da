import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentOf } from "../config/environment.ts";
import { outputTo } from "./output.ts";
import type { Output } from "./output.ts";

interface Heard {
  readonly output: Output;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

function listen(options: { json?: boolean; terminal?: boolean; environment?: { [name: string]: string } }): Heard {
  const texts = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof texts) => ({
    isTTY: options.terminal ?? false,
    write: (text: string) => {
      texts[name] += text;
    },
  });
  const output = outputTo({
    json: options.json ?? false,
    environment: environmentOf(options.environment ?? {}),
    stdout: stream("stdout"),
    stderr: stream("stderr"),
  });
  return { output, stdout: () => texts.stdout, stderr: () => texts.stderr };
}

test("a result is its lines, or with --json one value", () => {
  const people = listen({});
  people.output.result({ a: 1 }, ["one", "two"]);
  assert.equal(people.stdout(), "one\ntwo\n");
  const programs = listen({ json: true });
  programs.output.result({ a: 1 }, ["one", "two"]);
  assert.equal(programs.stdout(), '{"a":1}\n');
});

test("a failure is a line of stderr, and with --json the value on stdout too", () => {
  const people = listen({});
  people.output.fail("it broke", { kind: "x" });
  assert.deepEqual([people.stdout(), people.stderr()], ["", "it broke\n"]);
  const programs = listen({ json: true });
  programs.output.fail("it broke", { kind: "x" });
  assert.deepEqual(JSON.parse(programs.stdout()), { error: { message: "it broke", kind: "x" } });
  assert.equal(programs.stderr(), "it broke\n");
});

const colours: readonly (readonly [string, Parameters<typeof listen>[0], boolean])[] = [
  ["a terminal", { terminal: true }, true],
  ["no terminal", {}, false],
  ["a terminal with NO_COLOR", { terminal: true, environment: { NO_COLOR: "1" } }, false],
  ["a terminal with an empty NO_COLOR", { terminal: true, environment: { NO_COLOR: "" } }, true],
  ["a terminal that is dumb", { terminal: true, environment: { TERM: "dumb" } }, false],
  ["a terminal with --json", { terminal: true, json: true }, false],
];
for (const [name, options, expected] of colours) {
  test(`${name} gets ${expected ? "colours" : "no colours"}`, () => {
    assert.equal(listen(options).output.paint("bad", "x"), expected ? "\u001b[31mx\u001b[0m" : "x");
  });
}

test("progress is shown to a watching person only, and gives way to what comes after it", () => {
  const nobody = listen({});
  nobody.output.progress("working");
  assert.equal(nobody.stderr(), "");
  const program = listen({ terminal: true, json: true });
  program.output.progress("working");
  assert.equal(program.stderr(), "");
  const person = listen({ terminal: true });
  person.output.progress("1 of 2");
  person.output.line("done");
  assert.equal(person.stderr(), "1 of 2\r      \r");
  assert.equal(person.stdout(), "done\n");
});
