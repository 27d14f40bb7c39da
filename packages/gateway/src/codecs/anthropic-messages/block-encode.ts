import type { AnswerEvent } from "../../kernel/event.ts";
import type { JsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";
import { seal } from "../shared/carrier.ts";
import { idStem } from "../shared/id-stem.ts";
import { arrayOf } from "../shared/json.ts";
import { protocol } from "./keep.ts";

type PartEnd = Extract<AnswerEvent, { type: "part-end" }>;

/** What the end of a part brings, whole. */
export type Ending = Pick<PartEnd, "keep" | "origin">;

/** The fields that this protocol kept of a part. */
export function ownFields(keep: Extra | undefined): JsonObject {
  return keep?.[protocol] ?? {};
}

/** The data of thinking that the vendor hides; undefined for thinking that is open. */
export function redactedData(ending: Ending): string | undefined {
  const { data, signature } = ownFields(ending.keep);
  return typeof data === "string" && typeof signature !== "string" ? data : undefined;
}

/**
 * What stands where a signature does: the vendor's own, or else the part's state of another protocol, sealed, which
 * the client sends back and nobody takes for a signature.
 */
export function signatureFor({ keep, origin }: Ending): string {
  const own = ownFields(keep)["signature"];
  if (typeof own === "string" && own !== "") return own;
  return seal({ ...(keep !== undefined && { keep }), ...(origin !== undefined && { origin }) });
}

/** Thinking without a word in it is worth a block only for the state that it carries. */
export function carriesState({ keep }: Ending): boolean {
  return keep !== undefined && Object.keys(keep).length > 0;
}

export function citationsOf(keep: Extra | undefined): readonly JsonObject[] {
  return arrayOf(ownFields(keep)["citations"]) as readonly JsonObject[];
}

/** The id of a call: clients loop without end where there is none. */
export function callId(id: string, stem: string, index: number): string {
  return id === "" ? `toolu_${idStem(stem)}_${index}` : id;
}
