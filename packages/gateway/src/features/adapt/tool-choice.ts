import type { Json } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { everyProtocol } from "../../kernel/protocol.ts";
import type { Extra } from "../../kernel/request.ts";
import { unchanged } from "./pass.ts";
import type { Pass } from "./pass.ts";

/**
 * A choice goes with its tool. One that names a tool of another vendor's own, which is lost, is lost too: backends
 * refuse a choice of nothing. One that calls a tool of free text a function, or the reverse, says what the tool is.
 */
export const toolChoice: Pass = (request, { protocol }) => {
  const { toolChoice: choice, tools, ...rest } = request;
  const lost = { request: { ...rest, tools }, losses: [{ field: "toolChoice", reason: "unsupported" as const }] };
  if (choice?.type === "required") {
    if (tools.length > 0 || hosted(request.extra, [protocol]).length > 0) return unchanged(request);
    return hosted(request.extra, everyProtocol).length > 0 ? lost : unchanged(request);
  }
  if (choice?.type !== "tool") return unchanged(request);
  const chosen = tools.find(({ name }) => name === choice.name);
  if (chosen !== undefined) {
    if (chosen.tool === choice.tool) return unchanged(request);
    return { request: { ...request, toolChoice: { ...choice, tool: chosen.tool } }, losses: [] };
  }
  const others = everyProtocol.filter((each) => each !== protocol);
  return hosted(request.extra, others).some((tool) => isJsonObject(tool) && tool["name"] === choice.name)
    ? lost
    : unchanged(request);
};

/** The tools that vendors run themselves, of these protocols. */
function hosted(extra: Extra | undefined, protocols: readonly (keyof Extra)[]): readonly Json[] {
  return protocols.flatMap((protocol) => {
    const tools = extra?.[protocol]?.["tools"];
    return Array.isArray(tools) ? (tools as readonly Json[]) : [];
  });
}
