import { readFileSync, readdirSync } from "node:fs";

/**
 * What the operating system says of a process. CPU comes from `schedstat` of each thread: nanoseconds on a CPU,
 * user and system together, of every thread (Linux, Documentation/scheduler/sched-stats.rst). `/proc/PID/stat`
 * counts in ticks of 10 ms and serves where schedstat is off.
 */

/** Linux reports utime and stime in USER_HZ, which is 100 on every architecture that Node runs on. */
const nanosecondsPerTick = 10_000_000;

function taskNanoseconds(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "latin1").split(" ")[0]);
    } catch {
      // A thread may end between the listing and the reading.
    }
  }
  return sum;
}

function tickNanoseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The command's name, in parentheses, may hold spaces; utime and stime are the 12th and 13th field after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * nanosecondsPerTick;
}

const precise = ((): boolean => {
  try {
    return taskNanoseconds(process.pid) > 0;
  } catch {
    return false;
  }
})();

/** Where the CPU figures come from, for the report. */
export const cpuSource = precise ? "/proc/PID/task/*/schedstat (ns)" : "/proc/PID/stat (10 ms ticks)";

/** CPU time that a process has used, user and system, in nanoseconds. */
export function cpuOf(pid: number): number {
  return precise ? taskNanoseconds(pid) : tickNanoseconds(pid);
}

/** Resident memory of a process in bytes. */
export function memoryOf(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  if (line === undefined) throw new Error(`Process ${pid} tells no resident memory.`);
  return Number(line) * 1024;
}
