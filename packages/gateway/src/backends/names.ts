import type { LookupAddress, LookupAllOptions } from "node:dns";

type Told = (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void;

/** Resolves a name to all of its addresses, as `dns.lookup` does. */
export type Lookup = (hostname: string, options: LookupAllOptions, callback: Told) => void;

/** A name is not looked up again for so long; milliseconds. */
const fresh = 10_000;

/** A known name's new addresses are waited for so long before the old ones are used; milliseconds. */
const patience = 500;

/** Most names that are remembered. */
const most = 1000;

interface Name {
  found: LookupAddress[] | undefined;
  /** It need not be looked up again. */
  isFresh: boolean;
  /** The lookup that is under way takes longer than is waited for. */
  isLate: boolean;
  /** Who waits for the lookup that is under way; undefined while there is none. */
  waiting: Set<Told> | undefined;
}

/**
 * Names and their addresses. A resolver that is slow or down stops nobody whose name was known before, and a name that
 * hangs is looked up once at a time: Node resolves all names in a few threads, which it also needs for files.
 *
 * Old addresses are used where new ones cannot be had, or not soon. Only a name of which the resolver says that it is
 * none is forgotten.
 */
export class Names {
  readonly #lookup: Lookup;
  readonly #names = new Map<string, Name>();

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  readonly lookup: Lookup = (hostname, options, callback) => {
    const name = this.#name(`${hostname}/${options.family ?? 0}`);
    const { found } = name;
    if (found !== undefined && (name.isFresh || name.isLate)) {
      process.nextTick(callback, null, found);
      return;
    }
    const waiting = (name.waiting ??= this.#resolve(name, hostname, options));
    if (found === undefined) {
      waiting.add(callback);
      return;
    }
    const late = setTimeout(() => {
      name.isLate = true;
      waiting.delete(told);
      callback(null, found);
    }, patience);
    const told: Told = (error, addresses) => {
      clearTimeout(late);
      callback(error, addresses);
    };
    waiting.add(told);
  };

  #name(key: string): Name {
    let name = this.#names.get(key);
    if (name !== undefined) return name;
    const [oldest] = this.#names.keys();
    if (oldest !== undefined && this.#names.size >= most) this.#names.delete(oldest);
    this.#names.set(key, (name = { found: undefined, isFresh: false, isLate: false, waiting: undefined }));
    return name;
  }

  /** Looks a name up. Returns whom it tells. */
  #resolve(name: Name, hostname: string, options: LookupAllOptions): Set<Told> {
    const waiting = new Set<Told>();
    // A lookup may answer before it returns.
    process.nextTick(this.#lookup, hostname, options, ((error, found) => {
      name.waiting = undefined;
      name.isLate = false;
      if (error === null) {
        name.found = found;
        name.isFresh = true;
        setTimeout(() => (name.isFresh = false), fresh).unref();
      } else if (error.code === "ENOTFOUND") name.found = undefined;
      for (const tell of waiting) tell(name.found === undefined ? error : null, name.found ?? []);
    }) satisfies Told);
    return waiting;
  }
}
