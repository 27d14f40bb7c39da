import { compact } from "../../kernel/json.ts";
import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Reasoning } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { unlessEmpty, without } from "../shared/json.ts";

export interface ReadThinking {
  readonly reasoning?: Reasoning;
  /**
   * What `thinking` says beyond that, or the whole of an unknown form. Null is a mark of ours: the request gave an
   * effort and no `thinking`, so that none must be written beside the effort.
   */
  readonly rest?: JsonObject | null;
  /** The effort of a request that turns thinking off: it bears on the answer's length as well. */
  readonly effortRest?: string;
}

const known = new Set(["type", "budget_tokens"]);

/** Reads `thinking` and `output_config.effort` as one. */
export function readThinking(value: Json | undefined, said: Json | undefined, complaints: Complaints): ReadThinking {
  const thinking = complaints.object(value, "thinking");
  const effort = complaints.string(said, "output_config.effort");
  if (thinking === undefined) return effort === undefined ? {} : { reasoning: { effort }, rest: null };
  const type = complaints.requiredString(thinking["type"], "thinking.type");
  const budgetTokens = complaints.integer(thinking["budget_tokens"], "thinking.budget_tokens", { least: 0 });
  const display = thinking["display"];
  const show = display === "summarized" ? true : display === "omitted" ? false : undefined;
  const isKnownDisplay = show !== undefined || display === undefined || display === null;
  const others = without(thinking, isKnownDisplay ? new Set([...known, "display"]) : known);
  const rest = compact({ rest: unlessEmpty(others) });
  switch (type) {
    case "enabled":
      return { reasoning: compact({ effort, budgetTokens, show }), ...rest };
    case "adaptive":
      return { reasoning: compact({ effort, show }), ...rest };
    case "disabled":
      return { reasoning: { effort: "none" }, ...rest, ...compact({ effortRest: effort }) };
    default:
      return { reasoning: compact({ effort }), rest: thinking };
  }
}
