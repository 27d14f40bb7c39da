import { isJsonObject } from "../../kernel/json.ts";
import type { Extra } from "../../kernel/request.ts";

/**
 * What a vendor's state is called by, so that nobody takes it for a signature of the client's own vendor. It begins with
 * a character that texts and code hardly hold: every body is searched for it, which then costs next to nothing.
 */
export const carrierMark = "~patchbay";

/** Vendor state with the endpoint that it came from. */
export interface Carried {
  readonly keep?: Extra;
  readonly origin?: string;
}

/**
 * Another vendor's state as one opaque text, for protocols whose clients give such a text back unchanged: a thinking
 * block's signature, an encrypted reasoning item, a thought signature. Clients without such a field are served by the
 * reasoning vault.
 */
export function seal(carried: Carried): string {
  return carrierMark + Buffer.from(JSON.stringify(carried)).toString("base64url");
}

/** What `seal` was given; undefined for any other text. A client may have made it up: it is as trusted as its body. */
export function unseal(text: string): Carried | undefined {
  if (!text.startsWith(carrierMark)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(text.slice(carrierMark.length), "base64url").toString("utf8"));
    if (!isJsonObject(value)) return {};
    const { keep, origin } = value;
    return {
      ...(isJsonObject(keep) && { keep: keep as Extra }),
      ...(typeof origin === "string" && { origin }),
    };
  } catch {
    return {};
  }
}
