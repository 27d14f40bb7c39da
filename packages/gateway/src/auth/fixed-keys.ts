import { timingSafeEqual } from "node:crypto";
import type { Result } from "../kernel/result.ts";
import type { KeyLimits } from "../kernel/limit.ts";
import type { Secret } from "../kernel/secret.ts";
import { Hmac, longestMessage } from "./hmac.ts";
import type { Identity } from "./identity.ts";

export interface FixedKey {
  /** The environment variable's name, or the key's own in the document. */
  readonly name: string;
  readonly key: Secret;
  /** Of a key of the document: what it may use. */
  readonly listed?: { readonly models?: readonly string[]; readonly limits?: KeyLimits };
}

/** What the ledger and the limits call a key of the document. No key of the store has such an id. */
export function listedKeyId(name: string): string {
  return `document:${name}`;
}

function identityOf({ name, listed }: FixedKey): Identity {
  return listed === undefined ? { kind: "fixed", name } : { kind: "key", id: listedKeyId(name), name, ...listed };
}

/** What header fields carry without doubt about their encoding. */
const visible = /^[\x21-\x7e]+$/;

/** True for what may be a key at all; anything else is refused before a hash is made of it. */
function isTokenText(text: string): boolean {
  return text.length <= longestMessage && visible.test(text);
}

/** Keys that the environment or the document fixes. They are compared by their HMACs, so that the time taken says nothing. */
export class FixedKeys {
  /** What is wrong with keys that can never be matched, in sentences without the keys. */
  readonly problems: readonly string[];
  readonly #hmac: Hmac;
  readonly #entries: readonly { readonly digest: Buffer; readonly result: Result<Identity> }[];

  /** @param salt 32 random bytes of this process. */
  constructor(keys: readonly FixedKey[], salt: Buffer) {
    this.#hmac = new Hmac(salt);
    const usable = keys.filter(({ key }) => isTokenText(key.reveal()));
    this.problems = keys
      .filter((key) => !usable.includes(key))
      .map(
        ({ name }) =>
          `${name} can never be matched: a key has 1 to ${longestMessage} characters, all of them visible ASCII.`,
      );
    this.#entries = usable.map((fixed) => ({
      digest: this.#hmac.digest(fixed.key.reveal()),
      result: { ok: true, value: identityOf(fixed) },
    }));
  }

  find(token: string): Result<Identity> | undefined {
    if (this.#entries.length === 0 || !isTokenText(token)) return undefined;
    const digest = this.#hmac.digest(token);
    let found: Result<Identity> | undefined;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, digest)) found ??= entry.result;
    return found;
  }
}
