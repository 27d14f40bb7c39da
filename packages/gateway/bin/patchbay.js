#!/usr/bin/env node
// Plain JavaScript that every Node can parse, so that an old one gets a sentence and not a syntax error.
import { existsSync } from "fs";
import module from "module";
import { homedir } from "os";
import { join } from "path";
import v8 from "v8";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 15)) {
  console.error(
    `Patchbay needs Node 24.15 or newer; this is ${process.version}. In a checkout, \`npm ci && npm start\` brings its own; elsewhere install it from https://nodejs.org.`,
  );
  process.exit(1);
}

// Files and names of hosts share these threads, and names may take half of them: one that hangs must hold up no other.
// They are made when the first is needed, and cost little.
process.env.UV_THREADPOOL_SIZE ||= "64";

// Bodies lie outside the heap that V8 manages. Unless it counts them with the rest, every few dozen megabytes of them make
// it look through all that lives, however little that is: a third of what large requests cost. Known of these versions.
if (major === 24) v8.setFlagsFromString("--external-memory-accounted-in-global-limit");

// Remembers compiled modules between starts, which halves the time until the first answer. Not where Node would keep
// them, in a directory of /tmp that any user of the machine could make first and fill with code of their own.
try {
  module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "patchbay", "compiled"));
} catch {
  // A user without a home directory starts without it.
}
const source = new URL("../src/main.ts", import.meta.url);
void import(existsSync(source) ? source.href : new URL("../dist/main.js", import.meta.url).href);
