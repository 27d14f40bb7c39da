import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/** Leaves out a tool whose name an earlier one has: nobody could tell calls of the two apart, and most refuse them. */
export const uniqueTools: Pass = (request) => {
  const names = new Set(request.tools.map(({ name }) => name));
  if (names.size === request.tools.length) return unchanged(request);
  const doubled = request.tools.flatMap(({ name }, index) => (names.delete(name) ? [] : [index]));
  const tools = request.tools.filter((_tool, index) => !doubled.includes(index));
  const losses = doubled.map((index) => ({ field: `tools[${index}]`, reason: "unsupported" as const }));
  return { request: { ...request, tools }, losses };
};
