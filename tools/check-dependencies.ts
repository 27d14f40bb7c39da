/**
 * Checks what `npm ci` would bring: no package with an install script, an integrity for each, and for every runtime
 * dependency a row in docs/dependencies.md that says why it is there. Prints what is wrong; exit code 1 then.
 */
import { readFileSync } from "node:fs";

interface LockedPackage {
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
  readonly link?: boolean;
}

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const lock = JSON.parse(read("package-lock.json")) as { readonly packages: { readonly [path: string]: LockedPackage } };
const gateway = JSON.parse(read("packages/gateway/package.json")) as {
  readonly dependencies: { readonly [name: string]: string };
};
const root = JSON.parse(read("package.json")) as { readonly devDependencies: { readonly [name: string]: string } };
const reasons = read("docs/dependencies.md");

const problems: string[] = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  if (!path.startsWith("node_modules/") || entry.link === true) continue;
  if (entry.hasInstallScript === true) problems.push(`${path} has an install script`);
  if (entry.integrity === undefined) problems.push(`${path} has no integrity in the lockfile`);
}
for (const [name, wanted] of Object.entries({ ...gateway.dependencies, ...root.devDependencies })) {
  if (!/^\d+\.\d+\.\d+$/.test(wanted)) problems.push(`${name} is not pinned to one version: ${wanted}`);
}
for (const name of Object.keys(gateway.dependencies)) {
  if (!reasons.includes(`| \`${name}\``)) problems.push(`${name} has no row in docs/dependencies.md`);
}
for (const problem of problems) console.error(problem);
console.log(`${Object.keys(lock.packages).length} locked packages, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
