import type { AnswerEvent } from "../../kernel/event.ts";
import type { Feature } from "../../kernel/feature.ts";
import type { Loss } from "../../kernel/loss.ts";
import type { Machine } from "../../kernel/machine.ts";
import { callIds } from "./call-ids.ts";
import { candidates } from "./candidates.ts";
import { customTools } from "./custom-tools.ts";
import { emptyParts } from "./empty-parts.ts";
import { foreignState } from "./foreign-state.ts";
import type { Pass } from "./pass.ts";
import { partFields } from "./part-fields.ts";
import { prefill } from "./prefill.ts";
import { reasoning } from "./reasoning.ts";
import { toolChoice } from "./tool-choice.ts";
import { toolNames } from "./tool-names.ts";
import { toolResults } from "./tool-results.ts";
import { uniqueTools } from "./unique-tools.ts";

/**
 * In the order in which they look at a request. Those that move messages come late, so that most losses tell of
 * messages by the numbers that the client gave them; a prefill may only show when a lost result behind it is gone.
 * Ids come behind the order of results, which tells equal ones apart. Names come last, so that the answer has its own
 * names again before anything else looks at it.
 */
const passes: readonly Pass[] = [
  candidates,
  reasoning,
  partFields,
  foreignState,
  emptyParts,
  toolResults,
  prefill,
  callIds,
  uniqueTools,
  toolChoice,
  customTools,
  toolNames,
];

/**
 * Makes a request such that its target accepts it, as far as its protocol's data tell (`Accepts`), and undoes in the
 * answer what the client must not see. Behind the reasoning vault in the row: the vault knows what the client knows.
 */
export const adapt: Feature = {
  apply(request, target) {
    if (request.operation !== "generate") return { request, losses: [] };
    const losses: Loss[] = [];
    const stages: Machine<AnswerEvent, AnswerEvent>[] = [];
    let current = request;
    for (const pass of passes) {
      const passed = pass(current, target);
      current = passed.request;
      losses.push(...passed.losses);
      if (passed.answer !== undefined) stages.unshift(passed.answer);
    }
    return { request: current, losses, ...(stages.length > 0 && { answer: inRow(stages) }) };
  },
};

/** Machines that hold nothing at their end, as one. */
function inRow(stages: readonly Machine<AnswerEvent, AnswerEvent>[]): Machine<AnswerEvent, AnswerEvent> {
  const [only] = stages;
  if (stages.length === 1 && only !== undefined) return only;
  return {
    push: (event) => {
      let events: readonly AnswerEvent[] = [event];
      for (const stage of stages) events = events.flatMap((each) => stage.push(each));
      return events;
    },
    end: () => [],
  };
}
