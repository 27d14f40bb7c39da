import { crc32 } from "node:zlib";

/** What every key of ours begins with, so that people and secret scanners know it. */
export const keyPrefix = "pbk_";

/** Digits of base 62: a key is one word to a double click, and needs no escaping anywhere. */
export const keyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export const idLength = 8;
/** 43 digits of base 62 hold 256 bits. */
export const secretLength = 43;
const checksumLength = 6;
/** Characters of a whole key. */
export const keyLength = keyPrefix.length + idLength + 1 + secretLength + 1 + checksumLength;

const pattern = /^pbk_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;

/** The parts of a key that count: by `id` it is looked up, with `secret` it is proved. */
export interface ParsedKey {
  readonly id: string;
  readonly secret: string;
}

/** The id of what has the length of a key, and may be none. */
export function idOf(text: string): string {
  return text.slice(keyPrefix.length, keyPrefix.length + idLength);
}

/** CRC-32 of the text as UTF-8, as six digits of base 62, the greatest first, padded with `0`. */
function checksum(text: string): string {
  let rest = crc32(text);
  let digits = "";
  for (let place = 0; place < checksumLength; place += 1) {
    digits = keyAlphabet.charAt(rest % keyAlphabet.length) + digits;
    rest = Math.floor(rest / keyAlphabet.length);
  }
  return digits;
}

/** Writes `pbk_<id>_<secret>_<checksum>`; the checksum covers everything before its underscore. */
export function formatKey({ id, secret }: ParsedKey): string {
  const body = `${keyPrefix}${id}_${secret}`;
  return `${body}_${checksum(body)}`;
}

/**
 * Reads a key. Undefined for everything that we cannot have made: mistyped, cut and made-up keys die here, before
 * any look-up and any hashing.
 */
export function parseKey(text: string): ParsedKey | undefined {
  const match = pattern.exec(text);
  const [, id, secret, check] = match ?? [];
  if (id === undefined || secret === undefined) return undefined;
  return checksum(text.slice(0, -checksumLength - 1)) === check ? { id, secret } : undefined;
}
