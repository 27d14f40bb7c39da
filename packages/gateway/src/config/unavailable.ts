/**
 * What the contract names and this version does not do yet. Such a key is neither ignored nor called unknown.
 * Keys of the document by the place they stand in.
 */
export const laterKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ["", ["patterns"]],
  ["server", ["admin"]],
  ["endpoints[].credentials[]", ["oauth", "profile"]],
  ["endpoints[].timeouts", ["total"]],
  ["models[]", ["cache", "reasoning"]],
]);

/** Values of an endpoint's `type` that come later. */
export const laterEndpointTypes = [
  "runpod",
  "codex",
  "qwen-oauth",
  "queue",
  "claude-cli",
  "gemini-cli",
  "qwen-cli",
  "codex-cli",
  "qoder-cli",
] as const;

/** What people write from habit, by place, and our word for it. */
export const habits: ReadonlyMap<string, string> = new Map([
  ["endpoints[].baseUrl", "url"],
  ["endpoints[].baseURL", "url"],
  ["endpoints[].base_url", "url"],
  ["endpoints[].api_base", "url"],
  ["endpoints[].apiKey", "credentials: [{ apiKey: ... }]"],
  ["endpoints[].api_key", "credentials: [{ apiKey: ... }]"],
  ["endpoints[].credentials[].api_key", "apiKey"],
  ["endpoints[].credentials[].key", "apiKey"],
  ["endpoints[].provider", "type"],
  ["models[].attempts", "failover: { attempts: ... }"],
  ["models[].model_name", "name"],
  ["models[].fallbacks", "targets"],
  ["providers", "endpoints"],
  ["model_list", "models"],
]);
