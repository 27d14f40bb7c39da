/** What clients and other gateways put before a model's name. */
const prefixes: ReadonlySet<string> = new Set([
  "models",
  "openai",
  "anthropic",
  "google",
  "gemini",
  "vertex_ai",
  "bedrock",
  "azure",
  "openrouter",
  "litellm_proxy",
  "ollama",
  "groq",
  "cerebras",
  "chutes",
  "together",
  "deepinfra",
  "meta-llama",
  "mistralai",
  "deepseek",
  "qwen",
  "x-ai",
  "moonshotai",
  "z-ai",
  "zai-org",
  "minimax",
]);

/** What clients put behind a model's name. Each is anchored at the end, and none can match twice in one place. */
const suffixes: readonly RegExp[] = [
  // Claude Code asks so for a window of a million tokens.
  /\[\d{1,4}[km]\]$/i,
  // Gateways for command-line agents: with signs of progress, and without tools.
  /-progress$/i,
  /-chat$/i,
  // OpenRouter's word for a model that is to reason, and Ollama's for the usual size.
  /:thinking$/i,
  /:latest$/i,
  /-latest$/i,
  // Snapshots, as OpenAI, Anthropic and Google's Vertex date them.
  /[-@]20\d\d(-?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])$/,
];

/** Most prefixes, and most suffixes, that are taken off one name: gateways before gateways, and clients' marks. */
const most = 8;

/**
 * Names that somebody who asks for `name` may mean, those with fewer prefixes taken off first, and of these those with
 * fewer suffixes taken off. A suffix such as `:free` is not taken off: what is left would cost something.
 *
 * @param isEndpoint Whether the word before a slash is an endpoint's name, so that no other endpoint is meant.
 */
export function variantsOf(name: string, isEndpoint: (prefix: string) => boolean): readonly string[] {
  const found = shortened(name);
  let rest = name;
  for (let count = 0; count < most; count++) {
    const slash = rest.indexOf("/");
    const prefix = slash > 0 ? rest.slice(0, slash) : "";
    if (!prefixes.has(prefix.toLowerCase()) || isEndpoint(prefix)) break;
    rest = rest.slice(slash + 1);
    if (rest !== "") found.push(rest, ...shortened(rest));
  }
  return found;
}

/** The name with one suffix after the other taken off. */
function shortened(name: string): string[] {
  const found: string[] = [];
  let rest = name;
  for (let count = 0; count < most; count++) {
    const suffix = suffixes.find((candidate) => candidate.test(rest));
    const shorter = suffix === undefined ? "" : rest.replace(suffix, "");
    if (shorter === "") break;
    found.push(shorter);
    rest = shorter;
  }
  return found;
}
