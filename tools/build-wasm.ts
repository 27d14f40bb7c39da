import { readFileSync, writeFileSync } from "node:fs";
import wabtModule from "wabt";

/*
 * Assembles `json-scan.wat` into the module that the scanner loads. `--check` only says whether that is up to date.
 */
const folder = new URL("../packages/gateway/src/wire/", import.meta.url);
const source = new URL("json-scan.wat", folder);
const target = new URL("json-scan-wasm.ts", folder);

const wabt = await wabtModule();
const parsed = wabt.parseWat(source.pathname, readFileSync(source, "utf8"), { simd: true, bulk_memory: true });
const text = Buffer.from(parsed.toBinary({}).buffer).toString("base64");
const written = `// Written by \`npm run wasm\` from json-scan.wat.
export const code =
  "${text}";
`;
if (!process.argv.includes("--check")) writeFileSync(target, written);
else if (readFileSync(target, "utf8") !== written) {
  console.error("json-scan-wasm.ts is not what json-scan.wat says. Run `npm run wasm`.");
  process.exitCode = 1;
}
