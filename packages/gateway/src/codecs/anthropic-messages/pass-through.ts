import type { PassThrough, RequestView } from "../../kernel/codec.ts";
import { carrierMark } from "../shared/carrier.ts";

/**
 * Nothing needs changing: usage comes unasked. A body that carries another vendor's state as one of our signatures
 * must be translated, since no backend understands those.
 */
export function passThrough(request: RequestView): PassThrough | undefined {
  return request.contains(carrierMark) ? undefined : { edits: [], tap: { dropUsageEvent: false } };
}
