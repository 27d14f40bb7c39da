import { tmpdir } from "node:os";
import { assemble } from "../../src/app/assemble.ts";
import { systemClock } from "../../src/app/system-clock.ts";
import { ModelDirectory } from "../../src/backends/directory.ts";
import { openaiChat } from "../../src/codecs/openai-chat/index.ts";
import { openaiEmbeddings } from "../../src/codecs/openai-embeddings/index.ts";
import type { Codec } from "../../src/kernel/codec.ts";
import { failure } from "../../src/kernel/failure.ts";
import type { Failure } from "../../src/kernel/failure.ts";
import type { Protocol } from "../../src/kernel/protocol.ts";
import { Ticker } from "../../src/relay/ticker.ts";
import type { RelayContext } from "../../src/relay/types.ts";
import { Unserved } from "../../src/relay/unserved.ts";
import { atRest } from "../../src/routing/at-rest.ts";
import { Health } from "../../src/routing/health.ts";
import { Rota } from "../../src/routing/rota.ts";
import { Gateway } from "../../src/server/gateway.ts";
import type { Runtime, Service } from "../../src/server/runtime.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { configure } from "./house.ts";

function nothing(): void {}

/** OpenAI's codec under another protocol's name, whose errors say which it is: for tests of routes, not of codecs. */
export function codecNamed(protocol: Protocol, more: Partial<Codec> = {}): Codec {
  const codec = protocol.includes("embeddings") ? openaiEmbeddings : openaiChat;
  const writeError = (why: Failure) => ({ shape: protocol, kind: why.kind, message: why.message });
  // What the path names, these codecs look for in the body.
  const readRequest: typeof codec.ingress.readRequest = (body, asked) =>
    codec.ingress.readRequest(more.addressing === "path" ? { ...body, model: asked.model } : body, asked);
  return { ...codec, protocol, ingress: { ...codec.ingress, writeError, readRequest }, ...more };
}

/** A codec for every protocol, each with errors that name it. */
export const namedCodecs: ReadonlyMap<Protocol, Codec> = new Map<Protocol, Codec>([
  ["openai-chat", codecNamed("openai-chat")],
  ["openai-responses", codecNamed("openai-responses")],
  ["openai-embeddings", codecNamed("openai-embeddings")],
  ["anthropic-messages", codecNamed("anthropic-messages")],
  ["gemini", codecNamed("gemini", { addressing: "path" })],
  ["gemini-embeddings", codecNamed("gemini-embeddings", { addressing: "path" })],
  ["ollama", codecNamed("ollama", { streamsByDefault: true })],
  ["ollama-generate", codecNamed("ollama-generate", { streamsByDefault: true })],
  ["ollama-embeddings", codecNamed("ollama-embeddings")],
]);

export interface Listener extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly url: string;
}

/** A gateway that does not listen yet, without the rest of the application. */
export function bareGateway(
  runtime: Runtime,
  about: Partial<Service> & Pick<RelayContext, "codecs" | "ticker">,
): Gateway {
  const { codecs, ticker, ...more } = about;
  return new Gateway(
    {
      clock: systemClock,
      codecs,
      version: "0.0.0-test",
      relay: {
        clock: systemClock,
        ticker,
        features: [],
        unserved: new Unserved(systemClock),
        media: { get: async () => ({ ok: false, failure: failure("bad-request", "no media here") }) },
        health: new Health(systemClock),
        codecs,
        observer: { attempted: nothing, settled: nothing, threw: nothing },
      },
      routing: { ...atRest, rota: new Rota() },
      current: () => runtime,
      troubles: () => [],
      notes: () => [],
      metrics: async () => "",
      refused: nothing,
      report: nothing,
      ...more,
    },
    openaiChat.ingress,
  );
}

/** A gateway with these codecs on a free port, without the rest of the application. */
export async function startListener(options: {
  readonly document: object;
  readonly environment?: { readonly [name: string]: string };
  readonly codecs?: ReadonlyMap<Protocol, Codec>;
  readonly more?: Partial<Service>;
}): Promise<Listener> {
  const { document, environment = {}, codecs = namedCodecs, more = {} } = options;
  const { config } = configure({ document, environment }, tmpdir());
  const store = openStore({ file: ":memory:", clock: systemClock });
  const directory = new ModelDirectory();
  const { runtime, backends } = assemble(config, { clock: systemClock, keys: store.keys, directory });
  const ticker = new Ticker(systemClock, 50);
  const gateway = bareGateway(runtime, { ticker, codecs, ...more });
  const port = await gateway.listen("127.0.0.1", 0);
  return {
    gateway,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      await gateway.drain(0);
      ticker[Symbol.dispose]();
      await Promise.all([...backends.values()].map((backend) => backend[Symbol.asyncDispose]()));
      await store[Symbol.asyncDispose]();
    },
  };
}
