/**
 * What the generations of Claude take, told by the model's name: the API refuses with 400 what a generation does not
 * know. Sources: Anthropic's migration notes and bug reports of clients (NousResearch/hermes-agent#11137,
 * simstudioai/sim#4771, home-generative-agent v3.45.1), 2026-11. Other vendors' models are taken to know everything.
 */
export interface ModelTraits {
  /** Thinking by a budget of tokens, by the model's own judgement (with an effort), either, or not at all. */
  readonly thinking: "none" | "budget" | "adaptive" | "both";
  /** Takes temperature, top_p and top_k; `one` of temperature and top_p at a time. */
  readonly sampling: "all" | "one" | "none";
  /** Knows `output_config.format`. */
  readonly format: boolean;
  /** Continues a last message of the assistant's. */
  readonly prefill: boolean;
  /** `max_tokens` where the request states none: the field is required. All models of that generation take it. */
  readonly outputTokens: number;
}

/** From this version (major times 100, plus minor) on. */
const generations: readonly (readonly [from: number, traits: ModelTraits])[] = [
  [0, { thinking: "none", sampling: "all", format: false, prefill: true, outputTokens: 4096 }],
  [305, { thinking: "none", sampling: "all", format: false, prefill: true, outputTokens: 8192 }],
  [307, { thinking: "budget", sampling: "all", format: false, prefill: true, outputTokens: 32_000 }],
  [401, { thinking: "budget", sampling: "one", format: true, prefill: true, outputTokens: 32_000 }],
  [406, { thinking: "both", sampling: "one", format: true, prefill: false, outputTokens: 32_000 }],
  [407, { thinking: "adaptive", sampling: "none", format: true, prefill: false, outputTokens: 32_000 }],
];

const anyOther: ModelTraits = {
  thinking: "both",
  sampling: "all",
  format: true,
  prefill: true,
  outputTokens: 32_000,
};

/** `claude-3-5-sonnet`, `claude-sonnet-4-5-20250929`, `claude-opus-4.6`, `claude-opus-5`; a date is no minor version. */
const versioned = /claude-(?:[a-z]+-)?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/i;

/** The traits of a model by its name. */
export function traitsOf(model: string): ModelTraits {
  if (!/claude/i.test(model)) return anyOther;
  const found = versioned.exec(model);
  // A name without a version means the newest.
  const version = found === null ? Infinity : Number(found[1]) * 100 + Number(found[2] ?? 0);
  return generations.findLast(([from]) => version >= from)?.[1] ?? anyOther;
}
