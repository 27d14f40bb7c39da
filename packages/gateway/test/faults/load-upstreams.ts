/**
 * Four upstreams in a process of their own, each flapping by itself between being well and one of its faults. They count
 * what they were asked and what they answered: the truth that a ledger is held against.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { listen } from "../support/port.ts";
import { field } from "../support/read-stream.ts";

/** One call, as its upstream saw it. */
export interface Counted {
  /** The client's id of the request. */
  readonly id: string;
  readonly upstream: string;
  /** What it was answered with; 0 for a connection that was reset, or left. */
  status: number;
  /** The whole answer was handed over. */
  complete: boolean;
  readonly input: number;
  readonly output: number;
}

type Fault = "500" | "503" | "429" | "reset" | "slow" | "silent" | "cut" | "error-body";
const faults: readonly Fault[] = ["500", "503", "429", "reset", "slow", "silent", "cut", "error-body"];

/** Numbers from 0 to 1 that are the same every time (Mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const counted: Counted[] = [];
const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "a", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const words = ["The", " quick", " brown", " fox"];

class FlappingUpstream {
  readonly #name: string;
  readonly #random: () => number;
  #fault: Fault | undefined;

  constructor(name: string, seed: number) {
    this.#name = name;
    this.#random = randomFrom(seed);
    this.#flap();
  }

  async listen(): Promise<number> {
    const server = createServer((request, response) => this.#receive(request, response));
    server.keepAliveTimeout = 0;
    return listen(server);
  }

  /** Well for two to five seconds, then ill for one to three. */
  #flap(): void {
    const isWell = this.#fault === undefined;
    this.#fault = isWell ? faults[Math.floor(this.#random() * faults.length)] : undefined;
    setTimeout(() => this.#flap(), isWell ? 1000 + 2000 * this.#random() : 2000 + 3000 * this.#random());
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("error", () => {});
    response.on("error", () => {});
    request.on("end", () => {
      if (request.method === "GET") {
        response.setHeader("content-type", "application/json").end('{"data":[{"id":"m"}]}');
        return;
      }
      const body: unknown = JSON.parse(Buffer.concat(pieces).toString());
      const input = 1 + Math.floor(this.#random() * 1000);
      const call: Counted = {
        id: String(field(body, "user")),
        upstream: this.#name,
        status: 0,
        complete: false,
        input,
        output: words.length + (input % 7),
      };
      counted.push(call);
      this.#answer(call, { stream: field(body, "stream") === true, request, response });
    });
  }

  #answer(
    call: Counted,
    to: { readonly stream: boolean; readonly request: IncomingMessage; readonly response: ServerResponse },
  ): void {
    // Whoever is ill answers one in five well all the same.
    const fault = this.#random() < 0.8 ? this.#fault : undefined;
    const { request, response, stream } = to;
    switch (fault) {
      case "500":
      case "503":
      case "429":
        call.status = Number(fault);
        if (fault === "429") response.setHeader("retry-after-ms", "300");
        response.writeHead(call.status, { "content-type": "application/json" }).end('{"error":{"message":"no"}}');
        return;
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "silent":
        return;
      case "error-body":
        call.status = 200;
        response.writeHead(200, { "content-type": "application/json" }).end('{"error":{"message":"no"}}');
        return;
      case "slow":
        setTimeout(() => this.#tell(call, response, { stream, isCut: false }), 500 + 1500 * this.#random());
        return;
      case "cut":
      case undefined:
        setTimeout(() => this.#tell(call, response, { stream, isCut: fault === "cut" }), 5);
    }
  }

  #tell(
    call: Counted,
    response: ServerResponse,
    { stream, isCut }: { readonly stream: boolean; readonly isCut: boolean },
  ): void {
    if (response.destroyed) return;
    const { input, output } = call;
    const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
    call.status = 200;
    const done = () => (call.complete = true);
    if (!stream) {
      const message = { role: "assistant", content: words.join("") };
      const body = JSON.stringify({
        id: "a",
        model: "m",
        choices: [{ index: 0, message, finish_reason: "stop" }],
        usage,
      });
      response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
      if (!isCut) {
        response.end(body, done);
        return;
      }
      response.write(body.slice(0, body.length / 2), () => response.destroy());
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ role: "assistant", content: "" }) + chunk({ content: words[0] }));
    setTimeout(() => {
      if (isCut) {
        response.destroy();
        return;
      }
      const rest = words.slice(1).map((content) => chunk({ content }));
      const tail = `data: ${JSON.stringify({ id: "a", model: "m", choices: [], usage })}\n\ndata: [DONE]\n\n`;
      response.end(rest.join("") + chunk({}, "stop") + tail, done);
    }, 20);
  }
}

const names = ["north", "east", "south", "west"];
const ports = await Promise.all(names.map((name, index) => new FlappingUpstream(name, 1 + index).listen()));
process.send?.({ ports: Object.fromEntries(names.map((name, index) => [name, ports[index]])) });
process.on("message", () => process.send?.({ counted }));
process.on("disconnect", () => process.exit());
