import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** Where the agents' packages are kept between runs. */
const shelf = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "patchbay-agents");

/** Longest that an agent may take for its job; milliseconds. */
const patience = 90_000;

export interface Job {
  /** The gateway's origin. */
  readonly url: string;
  readonly model: string;
  readonly prompt: string;
}

/** A coding agent that runs without a person, and how it is pointed at a gateway. */
export interface Agent {
  readonly name: string;
  /** Package and version. */
  readonly package: string;
  /** The program, below `node_modules`: without its install script some packages have no other. */
  readonly program: string;
  readonly args: (job: Job) => readonly string[];
  readonly environment: (job: Job) => { readonly [name: string]: string };
  /** Files of its home directory, by path. */
  readonly files?: (job: Job) => { readonly [path: string]: string };
}

export interface Done {
  readonly code: number | null;
  readonly output: string;
  /** What the agent's tool wrote. */
  readonly file: string | undefined;
}

/** Installs an agent, without its install scripts, unless it is there already. Returns the folder of its programs. */
export async function install(agent: Agent): Promise<string> {
  const folder = join(shelf, agent.package.replaceAll(/[^a-z0-9.]+/g, "-"));
  const programs = join(folder, "node_modules");
  if (existsSync(join(programs, agent.program))) return programs;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true}\n');
  const { PATH = "", HOME = "" } = process.env;
  const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", agent.package];
  const done = await run("npm", args, { cwd: folder, env: { PATH, HOME }, patience: 600_000 });
  if (done.code !== 0) throw new Error(`npm install ${agent.package} failed:\n${done.output.slice(-2000)}`);
  return programs;
}

/** Lets an agent do a job in an empty directory, with a home of its own and dummy keys only. */
export async function work(agent: Agent, job: Job): Promise<Done> {
  const programs = await install(agent);
  const home = mkdtempSync(join(tmpdir(), "patchbay-agent-"));
  const cwd = join(home, "work");
  mkdirSync(cwd);
  try {
    for (const [path, text] of Object.entries(agent.files?.(job) ?? {})) {
      mkdirSync(dirname(join(home, path)), { recursive: true });
      writeFileSync(join(home, path), text);
    }
    const { PATH = "" } = process.env;
    const env = { PATH, HOME: home, NO_COLOR: "1", CI: "1", ...agent.environment(job) };
    const program = join(programs, agent.program);
    const done = await run(program, agent.args(job), { cwd, env, patience });
    const written = join(cwd, "hello.txt");
    const file = existsSync(written) ? readFileSync(written, "utf8") : undefined;
    return { code: done.code, output: done.output, file };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly patience: number },
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    const hear = (chunk: Buffer) => void (output += chunk.toString());
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const timer = setTimeout(() => {
      output += `\n(ended after ${options.patience} ms)\n`;
      // Its children are of its group.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    }, options.patience);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}
