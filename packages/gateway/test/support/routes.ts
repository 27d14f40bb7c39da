import { Unserved } from "../../src/relay/unserved.ts";
import { codecs } from "../../src/app/app.ts";
import { assemble } from "../../src/app/assemble.ts";
import { systemClock } from "../../src/app/system-clock.ts";
import { ModelDirectory } from "../../src/backends/directory.ts";
import { failure } from "../../src/kernel/failure.ts";
import { openaiChat } from "../../src/codecs/openai-chat/index.ts";
import type { Config } from "../../src/config/types.ts";
import { Ticker } from "../../src/relay/ticker.ts";
import { atRest } from "../../src/routing/at-rest.ts";
import { Health } from "../../src/routing/health.ts";
import { Rota } from "../../src/routing/rota.ts";
import { Gateway } from "../../src/server/gateway.ts";
import type { KeyStore } from "../../src/store/ports.ts";

function nothing(): void {}

/** Every route of a gateway, from its own router; `{name}` stands for the rest of a path. It does not listen. */
export function allRoutes(
  config: Config,
  keys: KeyStore,
): readonly { readonly method: string; readonly path: string }[] {
  const { runtime } = assemble(config, { clock: systemClock, keys, directory: new ModelDirectory() });
  const gateway = new Gateway(
    {
      clock: systemClock,
      codecs,
      version: "test",
      relay: {
        clock: systemClock,
        ticker: new Ticker(systemClock, 1000),
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
    },
    openaiChat.ingress,
  );
  return gateway.router.list();
}
