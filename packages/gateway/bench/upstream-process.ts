import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import { listen } from "../test/support/port.ts";
import { checkModel, idleModel, streamEvents, wholeAnswer } from "./bodies.ts";

/** The bench's upstream, in a process of its own so that its work is not counted. It looks for marks in the bytes and parses nothing. */

const whole = Buffer.from(wholeAnswer());
const jsonHead = { "content-type": "application/json", "content-length": whole.length };
const streamHead = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
};
const marks = { stream: '"stream":true', check: checkModel, idle: idleModel };
/** Milliseconds between two events of a stream, so that each is a packet of its own for every target. */
const pace = 1;

/** What the messages and tools were, so that a target that altered them is found out. */
function digest(body: Buffer): string {
  const { messages, tools } = JSON.parse(body.toString());
  return createHash("sha256")
    .update(JSON.stringify([messages, tools]))
    .digest("hex");
}

function sendEvents(response: ServerResponse): void {
  let next = 0;
  const timer = setInterval(() => {
    const event = streamEvents[next];
    next += 1;
    if (event !== undefined) response.write(event);
    if (next < streamEvents.length) return;
    clearInterval(timer);
    response.end();
  }, pace);
  response.on("close", () => clearInterval(timer));
}

function answer(body: Buffer, response: ServerResponse): void {
  response.socket?.setNoDelay(true);
  if (body.includes(marks.stream)) {
    response.writeHead(200, streamHead);
    if (body.includes(marks.idle)) response.write(streamEvents[1]);
    else sendEvents(response);
  } else if (body.includes(marks.check)) {
    response.writeHead(200, { "content-type": "application/json" }).end(wholeAnswer(digest(body)));
  } else {
    response.writeHead(200, jsonHead).end(whole);
  }
}

const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.method === "POST") answer(Buffer.concat(chunks), response);
    else response.writeHead(200, { "content-type": "application/json" }).end('{"object":"list","data":[]}');
  });
});
console.log(`listening url=http://127.0.0.1:${await listen(server)}`);
