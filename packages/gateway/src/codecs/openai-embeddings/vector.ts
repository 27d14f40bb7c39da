/** Base64 of little-endian 32-bit floats, the form in which the official SDKs ask for vectors. */
export function encodeVector(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString("base64");
}

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The numbers of a base64 vector; undefined if it is none, or holds what is not a number. */
export function decodeVector(text: string): readonly number[] | undefined {
  if (!base64.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
  const vector = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
  return vector.every((value) => Number.isFinite(value)) ? vector : undefined;
}
