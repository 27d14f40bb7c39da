import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { close, listen } from "./port.ts";

export interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server that writes down what it is asked, and answers as told. */
export interface Recorder extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly calls: readonly Recorded[];
  /** Answers that were cut off before their end. */
  readonly cut: number;
}

export async function startRecorder(
  answer: (call: Recorded, response: ServerResponse, request: IncomingMessage) => void,
): Promise<Recorder> {
  const calls: Recorded[] = [];
  let cut = 0;
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    response.on("close", () => {
      if (!response.writableFinished) cut++;
    });
    response.on("error", () => {});
    request.on("error", () => {});
    if (headers["x-test-unread"] !== undefined) {
      return answer({ method, path: url, headers, body: "" }, response, request);
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const call = { method, path: url, headers, body: Buffer.concat(chunks).toString() };
      calls.push(call);
      answer(call, response, request);
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    get cut() {
      return cut;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await close(server);
    },
  };
}
