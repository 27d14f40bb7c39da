/** Reads SSE for tests. Written apart from the product's own reader, so that one cannot hide the other's fault. */

export interface ReadEvent {
  /** Empty where the event had no name. */
  readonly event: string;
  readonly data: string;
  /** The data as JSON; undefined where it is none, such as `[DONE]`. */
  readonly json: unknown;
  /** Milliseconds since reading began. */
  readonly at: number;
}

export interface ReadStream {
  readonly events: readonly ReadEvent[];
  readonly comments: readonly string[];
  readonly bytes: Buffer;
  /** What came after the last blank line: an event that was not finished. */
  readonly rest: string;
  /** The connection broke before the body's end. */
  readonly broken?: Error;
  /** `[DONE]` came. */
  readonly done: boolean;
  /** The text of all `choices[0].delta.content` (or `.text`), joined. */
  readonly text: string;
  /** The last finish reason that came. */
  readonly finishReason: string | undefined;
  /** The last usage that came. */
  readonly usage: unknown;
  /** The error of an error event, if one came. */
  readonly error: unknown;
}

// A CR at the very end may be half of a CRLF: it waits for what follows.
const blankLine = /(?:\r\n|\r(?!\n|$)|\n)(?:\r\n|\r(?!$)|\n)/u;

type Body = AsyncIterable<Uint8Array> | { readonly body: AsyncIterable<Uint8Array> | null };

function parseJson(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** A field of a value, if it is an object with it; else undefined. */
export function field(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name) ? Reflect.get(inner, name) : undefined,
    value,
  );
}

function readBlock(block: string, at: number): { readonly event?: ReadEvent; readonly comments: readonly string[] } {
  const lines = block.split(/\r\n|\r|\n/u);
  const valueOf = (name: string): readonly string[] =>
    lines
      .filter((line) => line === name || line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /u, ""));
  const comments = lines.filter((line) => line.startsWith(":")).map((line) => line.slice(1).trim());
  const data = valueOf("data");
  if (data.length === 0) return { comments };
  const joined = data.join("\n");
  return {
    event: { event: valueOf("event").at(-1) ?? "", data: joined, json: parseJson(joined), at },
    comments,
  };
}

/**
 * Reads a response (of `fetch`, or any async iterable of bytes) to its end, or until `until` says so of an event;
 * then leaving the loop cancels the body. A broken connection is told as `broken`, not thrown.
 */
export async function readStream(
  response: Body,
  until: (event: ReadEvent) => boolean = () => false,
): Promise<ReadStream> {
  const body = "body" in response ? response.body : response;
  const started = performance.now();
  const decoder = new TextDecoder();
  const events: ReadEvent[] = [];
  const comments: string[] = [];
  const chunks: Uint8Array[] = [];
  let rest = "";
  let broken: Error | undefined;
  const take = (): boolean => {
    for (let match = blankLine.exec(rest); match !== null; match = blankLine.exec(rest)) {
      const block = readBlock(rest.slice(0, match.index), performance.now() - started);
      rest = rest.slice(match.index + match[0].length);
      comments.push(...block.comments);
      if (block.event === undefined) continue;
      events.push(block.event);
      if (until(block.event)) return true;
    }
    return false;
  };
  try {
    for await (const chunk of body ?? []) {
      chunks.push(chunk);
      rest += decoder.decode(chunk, { stream: true });
      if (take()) break;
    }
    rest = `${rest}${decoder.decode()}`;
    if (rest.endsWith("\r")) rest += "\n";
    take();
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
  }
  const last = (...path: readonly (string | number)[]): unknown =>
    events.map((event) => field(event.json, ...path)).findLast((value) => value !== undefined && value !== null);
  const finish = last("choices", 0, "finish_reason");
  return {
    events,
    comments,
    bytes: Buffer.concat(chunks),
    rest,
    ...(broken === undefined ? {} : { broken }),
    done: events.some((event) => event.data === "[DONE]"),
    text: events
      .map((event) => field(event.json, "choices", 0, "delta", "content") ?? field(event.json, "choices", 0, "text"))
      .filter((text) => typeof text === "string")
      .join(""),
    finishReason: typeof finish === "string" ? finish : undefined,
    usage: last("usage"),
    error: last("error"),
  };
}
