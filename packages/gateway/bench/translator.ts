import { codecs } from "../src/app/codecs.ts";
import { features } from "../src/app/features.ts";
import { systemClock } from "../src/app/system-clock.ts";
import type { Codec, Dialect } from "../src/kernel/codec.ts";
import { own } from "../src/kernel/json.ts";
import type { Protocol } from "../src/kernel/protocol.ts";
import { parseObject } from "../src/relay/interpreter.ts";
import { translate } from "../src/relay/translation.ts";

const dialect: Dialect = { streamUsage: true, developerRole: true };

export function codecOf(protocol: Protocol): Codec {
  const codec = codecs.get(protocol);
  if (codec === undefined) throw new Error(`There is no codec for ${protocol}.`);
  return codec;
}

/** Translates a client's whole body as the relay does: parsed, read, past the features, written and printed. */
export function translator(client: Codec, backend: Codec): (bytes: Buffer) => Buffer {
  const row = features(systemClock);
  return (bytes) => {
    const body = parseObject(bytes) ?? {};
    const model = String(own(body, "model") ?? "bench");
    const read = client.ingress.readRequest(body, { model, stream: own(body, "stream") === true });
    if (!read.ok) throw new Error(`${client.protocol}: ${read.failure.message}`);
    const target = { endpoint: "bench", model, client: client.protocol };
    return translate(read.value.request, { codec: backend, dialect, features: row, target }).body;
  };
}
