import type { Json, JsonObject } from "../../kernel/json.ts";
import type { Message, Part } from "../../kernel/request.ts";
import type { Complaints } from "../shared/complaints.ts";
import { unlessEmpty, without } from "../shared/json.ts";
import { BlockReader } from "./block-read.ts";
import { protocol } from "./keep.ts";

const roles = ["user", "assistant", "system"] as const;
const fields = new Set(["role", "content"]);

/**
 * Reads `system` and `messages`. The results of tools in a user's message become messages of role `tool`, what stands
 * between them stays of role `user`. A system message within `messages` (Claude Code sends them) always bears an
 * `extra` of this protocol, if only an empty one: by it the writer knows that the backend takes such a message there.
 */
export function readMessages(body: JsonObject, complaints: Complaints): readonly Message[] {
  const reader = new BlockReader(complaints);
  const system = reader.content(body["system"], "system");
  const list = complaints.array(body["messages"], "messages");
  if (list === undefined || list.length === 0) complaints.missing("messages");
  return [
    ...(system.length === 0 ? [] : [{ role: "system" as const, parts: system }]),
    ...(list ?? []).flatMap((item, index) => readMessage(item, `messages[${index}]`, { reader, complaints })),
  ];
}

interface Readers {
  readonly reader: BlockReader;
  readonly complaints: Complaints;
}

function readMessage(value: Json, path: string, { reader, complaints }: Readers): readonly Message[] {
  const message = complaints.requiredObject(value, path);
  const role = message && complaints.requiredString(message["role"], `${path}.role`);
  if (message === undefined || role === undefined) return [];
  const parts = reader.content(message["content"], `${path}.content`);
  const rest = without(message, fields);
  const extra = unlessEmpty(rest) && { extra: { [protocol]: rest } };
  switch (role) {
    case "user":
      return runs(parts).map((run, place) => ({ ...run, ...(place === 0 && extra) }));
    case "assistant":
      return [{ role, parts, ...extra }];
    case "system":
      return [{ role, parts, extra: { [protocol]: rest } }];
    default:
      complaints.wrongValue(`${path}.role`, role, roles);
      return [];
  }
}

/** Cuts a user's parts where results of tools begin or end. */
function runs(parts: readonly Part[]): readonly Message[] {
  const out: { readonly role: "user" | "tool"; readonly parts: Part[] }[] = [];
  for (const part of parts) {
    const role = part.type === "tool-result" ? "tool" : "user";
    const last = out.at(-1);
    if (last?.role === role) last.parts.push(part);
    else out.push({ role, parts: [part] });
  }
  return out.length === 0 ? [{ role: "user", parts: [] }] : out;
}
