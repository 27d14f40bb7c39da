import { realpathSync, watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { dirname, resolve } from "node:path";
import { readRegularFile } from "./files.ts";
import { errorCode } from "./interpolate.ts";

/** Milliseconds of quiet after which a file counts as written. */
const quiet = 100;
/** Milliseconds after which a change is looked at even though the directory is never quiet. */
const patience = 1000;

export interface WatchOptions {
  /** What is in force now; without it, what the file says when watching begins. */
  readonly text?: string;
  /** Hears that watching has ended because the system gave it up, such as when the directory was removed. */
  readonly onEnd?: () => void;
}

/**
 * Calls `onChange` with the document's text whenever it differs from the last one, and without it when the file has
 * become one that cannot be read. Watches the directory, so that editors which rename a new file over the old one are
 * seen, and mounted volumes that swap a link. A file that is missing changes nothing: the next one is looked at.
 * Throws node:fs's errors when the directory cannot be watched.
 */
export function watchDocument(
  file: string,
  onChange: (text: string | undefined) => void,
  options: WatchOptions = {},
): Disposable {
  const first = read(file);
  // What comes of a pipe is had only once, and cannot change.
  let current: Look = options.text === undefined || first.text === undefined ? first : { text: options.text };
  let timer: NodeJS.Timeout | undefined;
  let waitingSince: number | undefined;

  const look = (): void => {
    timer = undefined;
    waitingSince = undefined;
    const { text, trouble } = read(file);
    if (text === current.text && trouble === current.trouble) return;
    current = { text, trouble };
    if (trouble !== missing) onChange(text);
  };
  const notice = (): void => {
    const now = performance.now();
    waitingSince ??= now;
    if (timer !== undefined && now - waitingSince >= patience) return;
    clearTimeout(timer);
    timer = setTimeout(look, quiet);
    timer.unref();
  };

  const watchers: FSWatcher[] = [];
  const close = (): void => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
  try {
    for (const directory of directoriesOf(file)) {
      const watcher = watch(directory, { persistent: false }, notice);
      watcher.on("error", () => {
        close();
        options.onEnd?.();
      });
      watchers.push(watcher);
    }
  } catch (error) {
    close();
    throw error;
  }
  // What was written between the reading of `text` and the start of watching.
  if (options.text !== undefined && first.text !== undefined) notice();
  return { [Symbol.dispose]: close };
}

/** The directory of the file, and that of the file behind a link. */
function directoriesOf(file: string): ReadonlySet<string> {
  const directories = new Set([dirname(resolve(file))]);
  try {
    directories.add(dirname(realpathSync(file)));
  } catch {
    // The file is not there yet; its directory is watched.
  }
  return directories;
}

/** What a look at the file gave: its text, or the word for why there is none. */
interface Look {
  readonly text?: string | undefined;
  readonly trouble?: string | undefined;
}

const missing = "ENOENT";

function read(file: string): Look {
  try {
    return { text: readRegularFile(file) };
  } catch (error) {
    return { trouble: errorCode(error) };
  }
}
