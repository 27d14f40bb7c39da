import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request as call } from "undici";
import { listen } from "../test/support/port.ts";

/**
 * The yardstick: the least that a reverse proxy on node:http and undici does. Bodies are piped both ways, headers
 * passed on but for those of the connection. No keys, no routing, no ledger, no timeouts, no look at the traffic.
 */

const upstream = process.argv[2] ?? "";
const dispatcher = new Agent({ pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
const connectionHeaders = new Set(["connection", "host", "keep-alive", "transfer-encoding", "upgrade", "expect"]);

function passed(headers: IncomingHttpHeaders): { [name: string]: string | string[] } {
  const result: { [name: string]: string | string[] } = {};
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined && !connectionHeaders.has(name)) result[name] = value;
  }
  return result;
}

async function relay(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = `${upstream}${request.url ?? "/"}`;
  const answer = await call(url, {
    dispatcher,
    method: "POST",
    headers: passed(request.headers),
    body: request,
  });
  // Destroying a body that nobody listens to for errors would end the process.
  answer.body.on("error", () => response.destroy());
  response.on("close", () => answer.body.destroy());
  response.writeHead(answer.statusCode, passed(answer.headers));
  answer.body.pipe(response);
}

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  relay(request, response).catch(() => response.destroy());
});
console.log(`listening url=http://127.0.0.1:${await listen(server)}`);
