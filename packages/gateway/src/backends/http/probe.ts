import { Agent } from "undici";
import { guardedConnector } from "../door.ts";
import type { FetchText } from "./fingerprint.ts";

/** Most characters of an answer that are read. */
const longest = 1_000_000;

/** Fetches small texts from servers on this machine, through the door; whatever goes wrong means that nobody answers. */
export const fetchLocalText: FetchText = async (url, timeout) => {
  const agent = new Agent({ connect: guardedConnector(timeout), allowH2: false });
  try {
    const { origin, pathname, search } = new URL(url);
    const { statusCode, headers, body } = await agent.request({
      origin,
      path: pathname + search,
      method: "GET",
      signal: AbortSignal.timeout(timeout),
    });
    let text = "";
    body.setEncoding("utf8");
    for await (const piece of body as AsyncIterable<string>) {
      text += piece;
      if (text.length > longest) break;
    }
    const flat = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
    );
    return { status: statusCode, body: text, headers: flat };
  } catch {
    return undefined;
  } finally {
    void agent.destroy();
  }
};
