import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/** Asks for one answer where the target gives no more. */
export const candidates: Pass = (request, { accepts }) => {
  const { candidates: wanted, ...rest } = request;
  if (accepts.candidates || wanted === undefined) return unchanged(request);
  return { request: rest, losses: wanted > 1 ? [{ field: "candidates", reason: "unsupported" }] : [] };
};
