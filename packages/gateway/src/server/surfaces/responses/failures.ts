import { failure } from "../../../kernel/failure.ts";
import type { Failure } from "../../../kernel/failure.ts";

/** The failures of stateful requests, in OpenAI's words where it has some. */

const type = "invalid_request_error";

export function unknownPrevious(id: string): Failure {
  return failure("bad-request", `Previous response with id '${shown(id)}' not found.`, {
    param: "previous_response_id",
    upstreamCode: "previous_response_not_found",
    upstreamType: type,
  });
}

export function unfinishedPrevious(id: string, status: string): Failure {
  return failure(
    "bad-request",
    `Previous response with id '${shown(id)}' is ${status}; only a complete one can be continued.`,
    {
      param: "previous_response_id",
      upstreamType: type,
    },
  );
}

export function unknownResponse(id: string): Failure {
  return failure("not-found", `Response with id '${shown(id)}' not found.`, { param: "id", upstreamType: type });
}

export function unknownConversation(id: string): Failure {
  return failure("not-found", `Conversation with id '${shown(id)}' not found.`, {
    param: "conversation",
    upstreamType: type,
  });
}

export function unknownItem(id: string, param: string): Failure {
  return failure("not-found", `Item with id '${shown(id)}' not found.`, { param, upstreamType: type });
}

export function badField(message: string, param: string): Failure {
  return failure("bad-request", message, { param, upstreamType: type });
}

function shown(id: string): string {
  return id.slice(0, 100);
}
