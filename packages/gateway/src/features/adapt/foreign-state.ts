import type { Loss } from "../../kernel/loss.ts";
import type { Part } from "../../kernel/request.ts";
import { mapParts, unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/**
 * Leaves out vendor state that is known to come from another endpoint, which the target would refuse. Reasoning that
 * has no text besides goes with it; the text of other reasoning stays, for those who want it.
 */
export const foreignState: Pass = (request, { endpoint }) => {
  const losses = new Map<number, Loss>();
  const messages = mapParts(request.messages, (part, _message, index) => {
    if (part.type === "opaque" || part.keep === undefined) return part;
    if (part.origin === undefined || part.origin === endpoint) return part;
    const isEmpty = part.type === "reasoning" && part.text === "";
    const reason = isEmpty || losses.get(index)?.reason === "unsupported" ? "unsupported" : "approximated";
    losses.set(index, { field: `messages[${index}].parts`, reason });
    return isEmpty ? undefined : bare(part);
  });
  if (losses.size === 0) return unchanged(request);
  return { request: { ...request, messages }, losses: [...losses.values()] };
};

function bare(part: Exclude<Part, { readonly type: "opaque" }>): Part {
  const { keep: _keep, origin: _origin, ...rest } = part;
  return rest;
}
