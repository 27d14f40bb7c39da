import { randomBytes } from "node:crypto";
import type { KeyLimits } from "../kernel/limit.ts";
import type { StoredKey } from "../store/ports.ts";
import { Hmac } from "./hmac.ts";
import { formatKey, idLength, keyAlphabet, secretLength } from "./key-format.ts";

export { parseKey } from "./key-format.ts";

/** As many random bytes as asked for. */
export type RandomBytes = (size: number) => Buffer;

export interface KeyWish {
  readonly name: string;
  /** Names of models it may use, with one `*` at most in each; absent means all. */
  readonly models?: readonly string[];
  /** What it may use; absent: as much as it wants. */
  readonly limits?: KeyLimits;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface CreatedKey {
  /** The key itself. It is shown once and kept nowhere. */
  readonly key: string;
  readonly stored: StoredKey;
}

const longestName = 100;

/** What is wrong with a wish for a key, as a sentence; undefined when nothing is. */
export function keyProblem({ name, models, expiresAt, now }: KeyWish): string | undefined {
  if (name.trim() === "") return "A key needs a name.";
  if (name.length > longestName) return `A key's name has at most ${longestName} characters.`;
  if (/\p{C}/u.test(name)) return "A key's name holds no control characters.";
  if (expiresAt !== undefined && !Number.isSafeInteger(expiresAt)) return "The time of expiry is not a time.";
  if (expiresAt !== undefined && expiresAt <= now) return "The time of expiry has already passed.";
  if (models?.length === 0) return "A key that may use no model is of no use.";
  for (const model of models ?? []) {
    if (model === "") return "A model name is empty.";
    if (model.split("*").length > 2) return `The model pattern ${JSON.stringify(model)} holds more than one *.`;
  }
  return undefined;
}

/** Even digits: bytes that would favour the first ones are thrown away. */
function randomDigits(count: number, random: RandomBytes): string {
  const fair = 256 - (256 % keyAlphabet.length);
  let digits = "";
  while (digits.length < count) {
    for (const byte of random(count - digits.length)) {
      if (byte < fair) digits += keyAlphabet.charAt(byte % keyAlphabet.length);
    }
  }
  return digits;
}

/**
 * Makes a key and what the store keeps of it: the HMAC of its secret part under the store's pepper.
 * @throws RangeError for a wish of which `keyProblem` says what is wrong.
 */
export function createKey(wish: KeyWish & { readonly pepper: Buffer; readonly random?: RandomBytes }): CreatedKey {
  const problem = keyProblem(wish);
  if (problem !== undefined) throw new RangeError(problem);
  const random = wish.random ?? randomBytes;
  const id = randomDigits(idLength, random);
  const secret = randomDigits(secretLength, random);
  return {
    key: formatKey({ id, secret }),
    stored: {
      id,
      name: wish.name,
      hash: new Hmac(wish.pepper).digest(secret).toString("hex"),
      createdAt: wish.now,
      ...(wish.expiresAt !== undefined && { expiresAt: wish.expiresAt }),
      ...(wish.models !== undefined && { models: wish.models }),
      ...(wish.limits !== undefined && { limits: wish.limits }),
    },
  };
}
