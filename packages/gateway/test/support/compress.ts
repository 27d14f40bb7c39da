import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import type { CompressionName } from "./behaviour.ts";

const compressors: { readonly [name in CompressionName]: (body: Buffer) => Buffer } = {
  gzip: (body) => gzipSync(body),
  br: (body) => brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  deflate: (body) => deflateSync(body),
};

export function compress(encoding: CompressionName, body: Buffer): Buffer {
  return compressors[encoding](body);
}

/** What a bomb inflates to. */
export const bombBytes = 100 * 1024 * 1024;
const bombs = new Map<CompressionName, Buffer>();

/** 100 MiB of zeros; made once per process, in about half a second. */
export function bomb(encoding: CompressionName): Buffer {
  let bytes = bombs.get(encoding);
  if (bytes === undefined) {
    bytes = compress(encoding, Buffer.alloc(bombBytes));
    bombs.set(encoding, bytes);
  }
  return bytes;
}
