import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentFromProcess, environmentOf } from "./environment.ts";
import { besideDocument, dataDirectory, documentCandidates, findDocument } from "./paths.ts";
import type { Variables } from "./support.test.ts";

const at = (variables: Variables) => ({
  environment: environmentOf(variables),
  directory: "/srv",
});
const home = { HOME: "/home/u" };

test("a document that a flag or PATCHBAY_CONFIG names is the only place to look", () => {
  assert.deepEqual(documentCandidates("a.yaml", at({ PATCHBAY_CONFIG: "/b" })), {
    required: "/srv/a.yaml",
    optional: [],
  });
  assert.deepEqual(documentCandidates(undefined, at({ ...home, PATCHBAY_CONFIG: "~/b" })), {
    required: "/home/u/b",
    optional: [],
  });
  assert.equal(
    findDocument({ required: "/x", optional: [] }, () => false),
    "/x",
  );
});

test("otherwise the first document that exists is used", () => {
  const candidates = documentCandidates(undefined, at({ ...home, XDG_CONFIG_HOME: "/xdg" }));
  assert.deepEqual(candidates.optional, [
    "/srv/patchbay.yaml",
    "/xdg/patchbay/config.yaml",
    "/home/u/.config/patchbay/config.yaml",
  ]);
  assert.equal(
    findDocument(candidates, (file) => !file.startsWith("/srv")),
    "/xdg/patchbay/config.yaml",
  );
  assert.equal(
    findDocument(candidates, () => false),
    undefined,
  );
  assert.deepEqual(documentCandidates(undefined, at({ XDG_CONFIG_HOME: "relative" })).optional, ["/srv/patchbay.yaml"]);
});

const directories: readonly (readonly [flag: string | undefined, variables: Variables, expected: string])[] = [
  ["d", { PATCHBAY_DATA_DIR: "/e" }, "/srv/d"],
  [undefined, { ...home, PATCHBAY_DATA_DIR: "/e", XDG_DATA_HOME: "/f" }, "/e"],
  [undefined, { ...home, XDG_DATA_HOME: "/f" }, "/f/patchbay"],
  [undefined, { ...home, XDG_DATA_HOME: "f" }, "/home/u/.local/share/patchbay"],
  [undefined, home, "/home/u/.local/share/patchbay"],
  [undefined, {}, "/srv/.patchbay"],
];
for (const [flag, variables, expected] of directories) {
  test(`the data directory by ${flag ?? "no flag"} and ${JSON.stringify(variables)} is ${expected}`, () => {
    assert.equal(dataDirectory(flag, at(variables)), expected);
  });
}

test("paths of the document are relative to it", () => {
  assert.equal(besideDocument("k", { ...at(home), file: "/etc/p/c.yaml" }), "/etc/p/k");
  assert.equal(besideDocument("k", { ...at(home), file: "sub/c.yaml" }), "/srv/sub/k");
  assert.equal(besideDocument("k", at(home)), "/srv/k");
  assert.equal(besideDocument("/k", { ...at(home), file: "/etc/p/c.yaml" }), "/k");
});

test("the process's environment is read, without its empty variables", () => {
  assert.ok(environmentFromProcess().has("PATH"));
  assert.deepEqual([...environmentOf({ A: "", B: " ", C: undefined, D: "d" }).keys()], ["D"]);
});
