import { compact } from "../../kernel/json.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Reasoning } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { objectOf, textOf, without } from "../shared/json.ts";

/** Fields of vendors' own that switch reasoning, beside OpenAI's `reasoning_effort`. */
const vendorFields = ["reasoning", "include_reasoning", "thinking", "enable_thinking", "thinking_budget"];

/** Reasoning as the client wants it, whichever vendor's words it chose. */
interface ReadSwitch {
  readonly reasoning: Reasoning | undefined;
  /** A vendor's words as they came, to be written back to the same protocol. */
  readonly raw: JsonObject;
  /** The body without what was read. `chat_template_kwargs` stays, for it says other things too. */
  readonly rest: JsonObject;
}

/**
 * Reads `reasoning_effort` (OpenAI), `reasoning {effort, max_tokens, enabled, exclude}` and `include_reasoning`
 * (OpenRouter), `thinking {type, budget_tokens}` (DeepSeek, Kimi, GLM and Anthropic's compatible API),
 * `enable_thinking` and `thinking_budget` (DashScope), and `chat_template_kwargs.enable_thinking` (vLLM, SGLang).
 * Only OpenAI's own word is checked: the others are the vendor's to complain of.
 */
export function readReasoningSwitch(body: JsonObject, complaints: Complaints): ReadSwitch {
  const { reasoning_effort, ...others } = body;
  const effort = complaints.string(reasoning_effort, "reasoning_effort");
  const read = [
    effort === undefined ? undefined : { effort },
    readOpenRouter(body),
    readThinking(objectOf(body["thinking"])),
    readBoolean(body["enable_thinking"], body["thinking_budget"]),
    readBoolean(objectOf(body["chat_template_kwargs"])?.["enable_thinking"]),
  ].filter((each) => each !== undefined);
  const said = vendorFields.filter((name) => others[name] !== undefined && others[name] !== null);
  const raw = Object.fromEntries(said.map((name) => [name, others[name] ?? null]));
  const hasVendorWords = said.length > 0 || saysTemplate(body);
  return {
    // Where a request says it twice, OpenAI's word counts first.
    reasoning: read.length === 0 ? undefined : read.reduceRight<Reasoning>((all, each) => ({ ...all, ...each }), {}),
    raw: effort !== undefined && hasVendorWords ? { ...raw, reasoning_effort: effort } : raw,
    rest: without(others, new Set(vendorFields)),
  };
}

/** Whether what was kept of a request holds a vendor's words for reasoning. */
export function saysReasoning(own: JsonObject): boolean {
  return vendorFields.some((name) => own[name] !== undefined) || saysTemplate(own);
}

function saysTemplate(body: JsonObject): boolean {
  return objectOf(body["chat_template_kwargs"])?.["enable_thinking"] !== undefined;
}

function readOpenRouter(body: JsonObject): Reasoning | undefined {
  const { effort, max_tokens, enabled, exclude } = objectOf(body["reasoning"]) ?? {};
  const isOn = enabled === true || textOf(effort) !== undefined || typeof max_tokens === "number";
  // Whether it is shown switches nothing on.
  if (!isOn && enabled !== false) return body["include_reasoning"] === true ? { show: true } : undefined;
  return compact({
    effort: enabled === false ? "none" : textOf(effort),
    budgetTokens: typeof max_tokens === "number" ? max_tokens : undefined,
    show: typeof exclude === "boolean" ? !exclude : undefined,
  });
}

function readThinking(thinking: JsonObject | undefined): Reasoning | undefined {
  const type = textOf(thinking?.["type"]);
  if (thinking === undefined || type === undefined) return undefined;
  if (type === "disabled") return { effort: "none" };
  const budget = thinking["budget_tokens"];
  return compact({ budgetTokens: typeof budget === "number" ? budget : undefined });
}

function readBoolean(enabled: unknown, budget?: unknown): Reasoning | undefined {
  if (enabled === false) return { effort: "none" };
  const budgetTokens = typeof budget === "number" ? budget : undefined;
  return enabled === true || budgetTokens !== undefined ? compact({ budgetTokens }) : undefined;
}
