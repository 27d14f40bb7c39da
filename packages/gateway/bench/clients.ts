import { isJsonObject, type JsonObject } from "../src/kernel/json.ts";
import { bodies, type BodyName, eventsPerStream } from "./bodies.ts";
import { codecOf, translator } from "./translator.ts";

/** Whom the load plays towards a target. */
export type ClientName = "openai" | "anthropic";

/** What an answer said, in the same words for every client. */
interface Told {
  readonly text: unknown;
  readonly finished: boolean;
  /** Input read, cached or not, then output. */
  readonly tokens: readonly unknown[];
}

interface Client {
  readonly path: string;
  readonly bodies: { readonly [name in BodyName]: string };
  /** How many events the upstream's stream makes for it. */
  readonly events: number;
  /** Takes a whole answer apart; throws at any other. */
  readonly told: (answer: JsonObject) => Told;
}

function first(list: unknown): JsonObject {
  return objectOf(Array.isArray(list) ? (list as readonly unknown[])[0] : undefined);
}

function objectOf(value: unknown): JsonObject {
  if (!isJsonObject(value)) throw new Error("An answer lacks what belongs to it.");
  return value;
}

function anthropicBodies(): Client["bodies"] {
  const translated = translator(codecOf("openai-chat"), codecOf("anthropic-messages"));
  const entries = Object.entries(bodies).map(([name, body]) => [name, translated(Buffer.from(body)).toString()]);
  return { ...bodies, ...(Object.fromEntries(entries) as Partial<Client["bodies"]>) };
}

export const clients: { readonly [name in ClientName]: Client } = {
  openai: {
    path: "/v1/chat/completions",
    bodies,
    events: eventsPerStream,
    told({ choices, usage }) {
      const { message, finish_reason: finish } = first(choices);
      const { prompt_tokens: input, completion_tokens: output } = objectOf(usage);
      return { text: objectOf(message)["content"], finished: finish === "stop", tokens: [input, output] };
    },
  },
  anthropic: {
    path: "/v1/messages",
    bodies: anthropicBodies(),
    // Of the upstream's, the first, the usage and `[DONE]` make none; two begin and three end what it says.
    events: eventsPerStream - 4 + 5,
    told({ content, stop_reason: stop, usage }) {
      const { input_tokens: fresh, cache_read_input_tokens: cached, output_tokens: output } = objectOf(usage);
      const input = Number(fresh) + Number(cached ?? 0);
      return { text: first(content)["text"], finished: stop === "end_turn", tokens: [input, output] };
    },
  },
};
