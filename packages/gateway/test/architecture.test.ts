import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../src", import.meta.url));

/** Who may import whom. Everything may import kernel and its own floor. A file of a floor is named in full. */
const mayImport: { readonly [floor: string]: readonly string[] } = {
  kernel: [],
  wire: [],
  codecs: ["wire"],
  routing: [],
  backends: ["wire", "codecs", "routing/types.ts"],
  auth: ["wire", "store/ports.ts"],
  store: [],
  limits: [],
  telemetry: [],
  config: ["routing/types.ts"],
  features: ["routing/types.ts", "wire", "codecs"],
  relay: ["codecs", "backends/types.ts", "routing", "limits", "wire", "telemetry"],
  server: [
    "relay",
    "limits",
    "routing",
    "config",
    "store/ports.ts",
    "auth",
    "telemetry",
    "wire",
    "backends/types.ts",
    "codecs/shared/estimate.ts",
  ],
  app: ["*"],
  cli: ["app", "config"],
  "main.ts": ["cli"],
};

/** Rooms of these floors do not know each other; `shared` is no room of its own. */
const rooms = new Set(["codecs", "backends", "features"]);

/** Modules and globals that only some floors may use. A place is a floor, or a file of one. */
const reserved: readonly { readonly what: RegExp; readonly where: readonly string[]; readonly why: string }[] = [
  { what: /from "node:(?:http|https|http2)"/, where: ["server"], why: "one listener" },
  { what: /from "undici"/, where: ["backends", "auth"], why: "one outbound door" },
  { what: /\bfetch\(|\bnet\.connect\(|\btls\.connect\(/, where: [], why: "one outbound door" },
  { what: /from "redis"/, where: [], why: "it is loaded where a document names a Redis, by `import()`" },
  { what: /from "node:child_process"/, where: ["backends/agents"], why: "one way to run a program" },
  {
    what: /\bprocess\.env\b|from "node:process"/,
    where: ["config/environment.ts"],
    why: "one reader of the environment",
  },
  {
    what: /\bDate\.now\(\)|\bMath\.random\(\)|\bnew Date\(\)/,
    where: ["app/system-clock.ts"],
    why: "time and chance are passed in",
  },
  { what: /\bperformance\.now\(\)/, where: ["app/system-clock.ts", "config/watch.ts"], why: "time is passed in" },
  { what: /\binsecureHTTPParser\b/, where: [], why: "it lets smuggled requests through" },
  {
    what: /(?:\.#?\w+|\])\s*(?:\?\?|\|\||&&)?=\s*(?:async\s*)?(?:function\b|(?:\((?:[^()]|\([^()]*\))*\)|\w+)\s*(?::[^=;]+)?=>)/,
    where: ["app"],
    why: "V8 makes a function that is assigned to a property where only a full collection finds it (decision 0021)",
  },
  {
    // Accessors of a class stand at the beginning of a line, and only one level deep.
    what: /(?:^ {3,}|[{,] +)[gs]et [\w[]/m,
    where: [],
    why: "V8 makes a getter of a literal where only a full collection finds it (decision 0021)",
  },
  { what: /\bstructuredClone\(/, where: [], why: "it is slow, and throws on deep values" },
];

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const files: readonly SourceFile[] = readdirSync(source, { recursive: true, encoding: "utf8" })
  .map((path) => path.split(sep).join("/"))
  .filter((path) => path.endsWith(".ts") && !/\.test(?:-data)?\.ts$/.test(path))
  .map((path) => {
    const text = readFileSync(join(source, path), "utf8");
    const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] ?? "");
    const imports = specifiers.map((specifier) =>
      normalize(join(dirname(path), specifier))
        .split(sep)
        .join("/"),
    );
    return { path, text, imports };
  });

const floorOf = (path: string) => path.split("/")[0] ?? "";

function isAllowed(from: string, to: string): boolean {
  const allowed = mayImport[floorOf(from)] ?? [];
  if (floorOf(from) === floorOf(to) || floorOf(to) === "kernel" || allowed.includes("*")) return true;
  return allowed.includes(floorOf(to)) || allowed.includes(to);
}

test("there are files to look at", () => {
  assert.ok(files.length > 100, `only ${files.length} files were found`);
});

test("every floor is known to this test", () => {
  const unknown = files.map(({ path }) => floorOf(path)).filter((floor) => !Object.hasOwn(mayImport, floor));
  assert.deepEqual([...new Set(unknown)], []);
});

test("floors import only what lies below them", () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports.filter((target) => !isAllowed(path, target)).map((target) => `${path} -> ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test("rooms of one floor do not import each other", () => {
  const room = (path: string) => {
    const [floor = "", name = "", inner] = path.split("/");
    return rooms.has(floor) && inner !== undefined && name !== "shared" ? `${floor}/${name}` : undefined;
  };
  const wrong = files.flatMap(({ path, imports }) => {
    const own = room(path);
    if (own === undefined) return [];
    return imports
      .filter((target) => room(target) !== undefined && room(target) !== own)
      .map((target) => `${path} -> ${target}`);
  });
  assert.deepEqual(wrong, []);
});

test("the kernel imports nothing but itself", () => {
  const wrong = files.filter(({ path, text }) => floorOf(path) === "kernel" && /from "(?!\.\/)/.test(text));
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

for (const { what, where, why } of reserved) {
  test(`${what.source} is used only in ${where.join(", ") || "no place"}: ${why}`, () => {
    const code = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
    const wrong = files.filter(
      ({ path, text }) =>
        what.test(code(text)) && !where.some((place) => path === place || path.startsWith(`${place}/`)),
    );
    assert.deepEqual(
      wrong.map(({ path }) => path),
      [],
    );
  });
}

test("no source file grows beyond 450 lines", () => {
  const long = files.filter(({ text }) => text.split("\n").length > 450).map(({ path }) => path);
  assert.deepEqual(long, []);
});
