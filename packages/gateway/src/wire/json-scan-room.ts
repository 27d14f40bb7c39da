import { code } from "./json-scan-wasm.ts";

/** TypeScript has these types for browsers only. */
declare const WebAssembly: {
  readonly Memory: new (options: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (code: Buffer) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** What json-scan.wat exports; it says what each does. Addresses are bytes of the room's memory. */
export interface ScanMachine {
  begin(end: number, depth: number): void;
  space(at: number): number;
  string(at: number): number;
  run(at: number, after: number): number;
  readonly position: { readonly value: number };
  readonly numberEnd: { readonly value: number };
}

/** Where the text begins; json-scan.wat says what stands before it. */
export const textStart = 2048;

/** Bytes of zero behind a text: the machine reads no farther. */
const behind = 32;

/** Texts up to this size, in bytes, use the one room again and again. */
export const commonSize = 1_048_576;

const page = 65_536;

const module = new WebAssembly.Module(Buffer.from(code, "base64"));

/** Memory for a text, and the machine that scans it there. */
export class ScanRoom {
  readonly machine: ScanMachine;
  readonly #bytes: Buffer;
  /** What was put in last. */
  text: Buffer = Buffer.alloc(0);

  /** @param size The longest text, in bytes. */
  constructor(size: number) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((textStart + size + behind) / page) });
    this.#bytes = Buffer.from(memory.buffer);
    this.machine = new WebAssembly.Instance(module, { room: { memory } }).exports as ScanMachine;
  }

  /** Writes a text into the room, with zeros behind it. What stood there before is gone. */
  put(chunks: readonly Buffer[]): void {
    let end = textStart;
    for (const chunk of chunks) end += chunk.copy(this.#bytes, end);
    this.#bytes.fill(0, end, end + behind);
    this.text = this.#bytes.subarray(textStart, end);
  }
}

let common: ScanRoom | undefined;

/**
 * A text in a room: in the common one, where it stands until the next text comes, or in one for itself alone. Nothing is
 * done to a text that stands in one already.
 */
export function roomWith(chunks: readonly Buffer[], length: number): ScanRoom {
  if (length > commonSize) return filled(new ScanRoom(length), chunks);
  common ??= new ScanRoom(commonSize);
  return chunks.length === 1 && common.text === chunks[0] ? common : filled(common, chunks);
}

function filled(room: ScanRoom, chunks: readonly Buffer[]): ScanRoom {
  room.put(chunks);
  return room;
}
