import { carrierMark, seal, unseal } from "../shared/carrier.ts";
import type { Carried } from "../shared/carrier.ts";

/**
 * A thought signature is bytes, as base64: the Python SDK refuses any other text. The mark has nine bytes, so that its
 * base64 ends where it ends, and none of a carrier's characters needs `+` or `/`.
 */
export const signatureMark = Buffer.from(carrierMark).toString("base64");

/** Another vendor's state as a thought signature, which Gemini's clients give back on the same part. */
export function sealSignature(carried: Carried): string {
  return Buffer.from(seal(carried)).toString("base64");
}

/** What `sealSignature` was given; undefined for Google's own signatures. */
export function unsealSignature(signature: string): Carried | undefined {
  if (!signature.startsWith(signatureMark)) return undefined;
  return unseal(Buffer.from(signature, "base64").toString("utf8"));
}

/** Google's word for a call of unknown origin (ai.google.dev, thought signatures): its signature is not checked. */
export const uncheckedSignature = "skip_thought_signature_validator";
