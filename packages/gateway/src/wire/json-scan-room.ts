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

let stamps = 0;

/** Memory for a text, and the machine that scans it there. */
export class ScanRoom {
  readonly machine: ScanMachine;
  /** The longest text, in bytes. */
  readonly size: number;
  readonly #bytes: Buffer;
  /** What was put in last. */
  text: Buffer = Buffer.alloc(0);
  /** A number that only this text has had, in any room. */
  stamp = 0;

  constructor(size: number) {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((textStart + size + behind) / page) });
    this.size = size;
    this.#bytes = Buffer.from(memory.buffer);
    this.machine = new WebAssembly.Instance(module, { room: { memory } }).exports as ScanMachine;
  }

  /** Writes a text into the room, with zeros behind it. What stood there before is gone. */
  put(chunks: readonly Buffer[]): void {
    let end = textStart;
    for (const chunk of chunks) end += chunk.copy(this.#bytes, end);
    this.#bytes.fill(0, end, end + behind);
    this.text = this.#bytes.subarray(textStart, end);
    this.stamp = ++stamps;
  }
}

let common: ScanRoom | undefined;

/** The room of an earlier long text, for the next one, unless a collection comes first: it is as large as its text. */
let large: WeakRef<ScanRoom> | undefined;

/**
 * A text in a room, where it stands until the next text comes. Nothing is done to one that stands there already.
 *
 * @param stamp The room's when this text was put in last.
 */
export function roomWith(chunks: readonly Buffer[], length: number, stamp?: number): ScanRoom {
  const room = length > commonSize ? largeRoom(length) : (common ??= new ScanRoom(commonSize));
  const isThere = room.stamp === stamp || (chunks.length === 1 && room.text === chunks[0]);
  if (!isThere) room.put(chunks);
  return room;
}

function largeRoom(size: number): ScanRoom {
  const last = large?.deref();
  if (last !== undefined && last.size >= size) return last;
  const room = new ScanRoom(size);
  large = new WeakRef(room);
  return room;
}
