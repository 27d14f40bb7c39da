import { codecs } from "../../src/app/app.ts";
import { assemble } from "../../src/app/assemble.ts";
import { systemClock } from "../../src/app/system-clock.ts";
import { ModelDirectory } from "../../src/backends/directory.ts";
import type { Config } from "../../src/config/types.ts";
import { Ticker } from "../../src/relay/ticker.ts";
import type { KeyStore } from "../../src/store/ports.ts";
import { bareGateway } from "./listener.ts";

/** Every route of a gateway, from its own router; `{name}` stands for the rest of a path. It does not listen. */
export function allRoutes(
  config: Config,
  keys: KeyStore,
): readonly { readonly method: string; readonly path: string }[] {
  const { runtime } = assemble(config, { clock: systemClock, keys, directory: new ModelDirectory() });
  const ticker = new Ticker(systemClock, 1000);
  return bareGateway(runtime, { codecs, ticker }).router.list();
}
