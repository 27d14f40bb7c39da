import { failure } from "../../kernel/failure.ts";
import type { Failure } from "../../kernel/failure.ts";

/** What an encoder tells of an answer whose events stopped before it was complete. */
export function cutAnswer(): Failure {
  return failure("broken-stream", "The answer ended before it was complete.");
}
