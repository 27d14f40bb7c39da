import type { EventBackend } from "../backends/types.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import type { Machine } from "../kernel/machine.ts";

/** A backend whose events pass a machine on their way. */
export function staged(backend: EventBackend, stage: Machine<AnswerEvent, AnswerEvent>): EventBackend {
  return {
    kind: "events",
    run: (request, receiver) =>
      backend.run(request, {
        event: (event) => {
          for (const each of stage.push(event)) receiver.event(each);
        },
        end: () => {
          for (const each of stage.end()) receiver.event(each);
          receiver.end();
        },
      }),
    models: () => backend.models(),
    [Symbol.asyncDispose]: async () => {},
  };
}
