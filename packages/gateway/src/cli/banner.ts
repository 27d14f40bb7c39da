import type { App, AppOptions } from "../app/app.ts";
import { version } from "../app/version.ts";
import type { Output } from "./output.ts";

/** What a person wants to know when the gateway has started; one JSON line where stdout is no terminal. */
export function bannerOf(app: App, options: AppOptions, output: Output): readonly string[] {
  const { config, url } = app;
  const access =
    config.access.open === "never"
      ? "key needed"
      : `open to ${config.access.open === "always" ? "everyone" : "this machine"}`;
  if (!output.terminal || output.json) {
    const facts = {
      patchbay: version,
      url,
      document: options.file ?? null,
      store: config.store,
      endpoints: config.endpoints.map(({ name }) => name),
      models: config.models.map(({ name }) => name),
      access,
      notes: config.notes,
    };
    return [JSON.stringify(facts)];
  }
  const only = config.endpoints[0];
  const idle = config.endpoints.length === 1 && only?.type === "simulator" && only.detected;
  return [
    `patchbay ${version}   document ${options.file ?? "none"}   store ${config.store}`,
    `  API        ${url}/v1`,
    `  Endpoints  ${config.endpoints.map(({ name }) => name).join(", ")}${idle ? "   (nothing is configured: set OPENAI_API_KEY, or write patchbay.yaml)" : ""}`,
    ...(config.models.length === 0 ? [] : [`  Models     ${config.models.map(({ name }) => name).join(", ")}`]),
    `  Access     ${access}`,
    ...config.notes.map((note) => `  Note       ${note}`),
  ];
}
