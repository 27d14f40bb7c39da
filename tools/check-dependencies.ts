/**
 * Checks what `npm ci` would bring: no package with an install script, an entry for every optional dependency (without
 * which `npm ci` refuses the lockfile), an integrity for each package but for bindings of other platforms, and for every
 * runtime dependency a row in docs/dependencies.md that says why it is there. Prints what is wrong; exit code 1 then.
 */
import { readFileSync } from "node:fs";

interface LockedPackage {
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly optional?: boolean;
  readonly optionalDependencies?: { readonly [name: string]: string };
  readonly os?: string | readonly string[];
}

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const lock = JSON.parse(read("package-lock.json")) as { readonly packages: { readonly [path: string]: LockedPackage } };
const gateway = JSON.parse(read("packages/gateway/package.json")) as {
  readonly dependencies: { readonly [name: string]: string };
};
const root = JSON.parse(read("package.json")) as { readonly devDependencies: { readonly [name: string]: string } };
const reasons = read("docs/dependencies.md");

/** True if `name` has an entry where Node would look for it from the package at `path`: beside it, or further out. */
function isLocked(path: string, name: string): boolean {
  if (Object.hasOwn(lock.packages, path === "" ? `node_modules/${name}` : `${path}/node_modules/${name}`)) return true;
  return path !== "" && isLocked(path.slice(0, Math.max(path.lastIndexOf("/node_modules/"), 0)), name);
}

/** A package that npm installs only on some platforms: it knows no integrity of those that it never fetched. */
const isBinding = ({ optional, os }: LockedPackage): boolean => optional === true && os !== undefined;

const problems: string[] = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const name of Object.keys(entry.optionalDependencies ?? {})) {
    if (!isLocked(path, name)) problems.push(`${name}, optional for ${path || "the root"}, is not in the lockfile`);
  }
  if (!path.startsWith("node_modules/") || entry.link === true) continue;
  if (entry.hasInstallScript === true) problems.push(`${path} has an install script`);
  if (entry.integrity === undefined && !isBinding(entry)) problems.push(`${path} has no integrity in the lockfile`);
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
