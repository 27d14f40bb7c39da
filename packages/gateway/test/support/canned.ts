import { createServer } from "node:http";
import { close, listen } from "./port.ts";

/** What a canned upstream answers: pieces of a body, each in an HTTP chunk of its own. */
export interface Canned {
  readonly type?: string;
  readonly pieces: readonly (string | Buffer)[];
  /** Destroys the connection behind the last piece, instead of ending the body. */
  readonly cut?: boolean;
}

/** An upstream that answers with given bytes. */
export interface CannedUpstream extends AsyncDisposable {
  /** `http://127.0.0.1:PORT/v1`. */
  readonly url: string;
  /** The bodies of the requests so far. */
  readonly bodies: readonly string[];
}

/** Starts an upstream whose answers are made by `answer` from a request's body. Model lists are not served. */
export async function startCanned(answer: (body: string) => Canned): Promise<CannedUpstream> {
  const bodies: string[] = [];
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        response.writeHead(404).end();
        return;
      }
      const body = Buffer.concat(chunks).toString();
      bodies.push(body);
      const { type = "text/event-stream", pieces, cut = false } = answer(body);
      response.writeHead(200, { "content-type": type });
      // Node writes no empty chunk: that would be the body's end.
      for (const piece of pieces) if (piece.length > 0) response.write(piece);
      if (cut) response.socket?.destroySoon();
      else response.end();
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}/v1`,
    bodies,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await close(server);
    },
  };
}
