import * as z from "zod";
import { hedgeAfter } from "./fields-race.ts";
import { headers, apiKey, clientKey, baseUrl, host, origins } from "./fields-network.ts";
import { endpointName, endpointType, freeObject, modelPattern, toolsFact } from "./fields-model.ts";
import { addressLimits, keyLimits, sharedLimits } from "./fields-limits.ts";
import { logLevel, state, store } from "./fields-storage.ts";
import { amount, choice, duration, flag, size, text, whole } from "./fields.ts";
import { list, section } from "./leaf.ts";
import { openaiApis } from "../kernel/vendor.ts";
import { rescues, strategies, tiers } from "../routing/types.ts";
import type { Tier } from "../routing/types.ts";

const server = section({
  host: host("Address to listen on.").prefault("127.0.0.1"),
  port: whole(0, 65_535, "Port to listen on; 0 picks a free one.").prefault(4141),
  hosts: list(host("A host name.")).describe(
    "Host names, besides loopback's, that requests may bear while bound to loopback.",
  ),
  media: choice(
    ["public", "anywhere", "never"],
    "From where images that a request names by URL are fetched, for backends that take only bytes.",
  ).prefault("public"),
  cors: section({
    origins: origins('Origins whose pages may call the gateway; ["*"] allows all.').prefault([]),
  }),
  limits: section({
    body: size("Largest request body.").prefault("50MB"),
    concurrent: whole(1, 1_000_000, "Most exchanges at a time.").prefault(1000),
    connections: whole(1, 1_000_000, "Most connections at a time.").prefault(4000),
    depth: whole(1, 512, "Deepest nesting of a request body.").prefault(64),
    answer: size("Largest unstreamed answer, and largest event of a stream.").prefault("64MB"),
    perAddress: addressLimits.optional(),
  }),
  timeouts: section({
    connect: duration("Until the connection to the upstream stands.").prefault("5s"),
    firstToken: duration("Until the first meaningful event of a streamed answer.").prefault("60s"),
    firstByte: duration("Until the first byte of an unstreamed answer, which comes when it is complete.").prefault(
      "5m",
    ),
    idle: duration("Between two bytes of an answer.").prefault("60s"),
    total: duration("A whole exchange with all its attempts.").prefault("10m"),
    header: duration("Until a request's head has come.").prefault("15s"),
    request: duration("Until a whole request has come.").prefault("60s"),
    stall: duration("How long a client may leave its answer unread.").prefault("30s"),
    drain: duration("How long streams may go on after SIGTERM.", 0).prefault("10m"),
  }),
  keepalive: duration("Silence after which a comment is sent into a stream.", 1000).prefault("15s"),
});

const price = z.strictObject({
  input: amount("US dollars per million input tokens.").optional(),
  output: amount("US dollars per million output tokens.").optional(),
  cacheRead: amount("US dollars per million tokens read from the upstream's cache.").optional(),
  cacheWrite: amount("US dollars per million tokens written to the upstream's cache.").optional(),
});

const facts = {
  contextWindow: whole(1, 1_000_000_000, "Most tokens of input and output together.").optional(),
  maxOutputTokens: whole(1, 1_000_000_000, "Most tokens of output.").optional(),
  inputModalities: z.array(text("Such as text, image or audio.", 32)).optional(),
  outputModalities: z.array(text("Such as text, image or audio.", 32)).optional(),
  tools: toolsFact("Whether the model can call tools.").optional(),
  embeddings: flag("Whether the model makes embeddings.").optional(),
  jsonSchema: flag("Whether the model's answers can be held to a JSON schema.").optional(),
  prefill: flag("Whether the model goes on with an answer whose beginning it is given as the last message.").optional(),
  displayName: text("A name for people.").optional(),
  ownedBy: text("Who made the model.").optional(),
  created: whole(0, 100_000_000_000, "When the model was made, in seconds since 1970.").optional(),
  price: price.optional(),
} as const;

const endpointModel = z.preprocess(
  (value) => (typeof value === "string" ? { id: value } : value),
  z.strictObject({
    id: text("The upstream's name for the model."),
    ...facts,
    reasoning: flag("Whether the model reasons before it answers.").optional(),
  }),
);

const endpoint = (types: readonly string[]) =>
  z.strictObject({
    name: endpointName("Its name, which comes before the slash in `endpoint/model`."),
    type: endpointType(types, "What kind of upstream it is."),
    url: baseUrl("Its base URL; optional where the type knows it.").optional(),
    api: choice(
      openaiApis,
      "Which of OpenAI's APIs it serves best: requests of other protocols are translated to it. `completions`: it has no other, as base models.",
    ).optional(),
    credentials: list(
      z.strictObject({
        apiKey: apiKey("A reference such as ${NAME} or file:PATH.").optional(),
        limits: sharedLimits("What this credential may be used for.").optional(),
      }),
    ).describe("One or more API keys; none for an upstream that needs none."),
    headers: headers("Extra request headers.").prefault({}),
    limits: sharedLimits("What it is asked for at most, by all credentials together.").optional(),
    priority: whole(-1000, 1000, "Greater goes first where several endpoints offer the same model.").prefault(0),
    enabled: flag("False takes it out of service.").prefault(true),
    timeouts: section({
      connect: duration("Until the connection stands.").optional(),
      firstToken: duration("Until the first meaningful event of a streamed answer.").optional(),
      firstByte: duration("Until the first byte of an unstreamed answer.").optional(),
      idle: duration("Between two bytes of an answer.").optional(),
    }).describe("Where they differ from the server's."),
    cooldown: duration("How long to stay away after a 429 that names no time.").optional(),
    health: z
      .strictObject({
        url: baseUrl("What is asked whether the endpoint is well."),
        every: duration("How often.", 1000).prefault("30s"),
      })
      .optional()
      .describe("Whether the endpoint is asked how it is; without it nothing is asked."),
    models: list(endpointModel).describe("Models it has, for an upstream without a list."),
    options: freeObject("Options that only its type knows.").prefault({}),
  });

const model = z.strictObject({
  name: modelPattern("What clients ask for; may hold one `*`."),
  aliases: list(modelPattern("Another name for it.")),
  enabled: flag("False takes it out of service.").prefault(true),
  strategy: choice(
    strategies,
    "How targets are chosen: `backup` in order, `rotate` in turn, `weighted` by shares, `duplicate` in order and then other models' targets with the same actual model, `fastest` by time to the first token, `cheapest` by price; `race` and `council` ask several.",
  ).prefault("backup"),
  affinity: flag(
    "Whether a conversation stays with its target under `rotate`, `weighted` and `fastest`; where nothing is said, if several targets have the same actual model.",
  ).optional(),
  targets: z
    .array(
      z.strictObject({
        endpoint: text("The name of an endpoint.", 64),
        model: modelPattern("The upstream's name for the model; `*` takes what the name's `*` matched."),
        weight: whole(0, 1000, "Its share under `weighted`; 0 only stands in for others.").optional(),
      }),
    )
    .min(1),
  failover: section({
    attempts: whole(1, 20, "Most attempts for one request.").prefault(3),
    wait: duration("Longest pause, asked for by a target, that is waited for when nobody else is left.", 0).prefault(
      "5s",
    ),
    stay: duration("Longest pause that is waited for although other targets are left.", 0).prefault(0),
    patience: duration("Least time that a target has for beginning its answer while others are left.").prefault("10s"),
    adaptive: flag(
      "Whether a target has only its patience, or twice what its answers usually take, while others are left; its whole timeout if not.",
    ).prefault(true),
  }),
  circuit: section({
    failures: whole(1, 100, "So many failures within the window open a target's circuit.").optional(),
    window: duration("The time in which failures are counted.").optional(),
    cooldown: duration("How long the circuit stays open before one request may try the target.").optional(),
  }).describe("Where it differs from the document's `circuit`."),
  limits: sharedLimits("What all clients together may ask of it.").optional(),
  relay: choice(
    ["auto", "always", "never"],
    "`never` translates same-protocol traffic too, `always` passes it unread.",
  ).prefault("auto"),
  rescue: choice(
    rescues,
    "What becomes of an answer that breaks off after its beginning was sent: `error` tells of it in the stream, `off` breaks the connection, `continue` has another target go on, `hold` sends nothing before the answer is complete.",
  ).prefault("error"),
  hedge: section({
    after: hedgeAfter(
      "Under `race`: time without a first token after which the next target is asked too. p90, p95 and p99 stand for what the target's answers took of late in all but that share of cases.",
    ).prefault("2s"),
    inFlight: whole(2, 10, "Most targets that are asked at a time.").prefault(2),
  }),
  council: section({
    judge: z
      .strictObject({
        endpoint: text("The name of an endpoint.", 64),
        model: text("The upstream's name for the model."),
      })
      .optional()
      .describe("Who writes the answer under `council`; the first target where nothing is said."),
    tokens: whole(1, 1_000_000, "Most tokens of a member's answer.").prefault(4096),
    patience: duration("Time after which members that have not answered are left out.").prefault("60s"),
  }),
  strict: flag("Whether a translation that would lose a field is refused with 400.").prefault(false),
  echo: choice(["upstream", "requested"], "Which model name an answer bears.").prefault("upstream"),
  defaults: freeObject(
    "Request fields that are set where the client leaves them out, in chat's words or in its own protocol's.",
    ["model", "stream"],
  ).prefault({}),
  ...facts,
});

const clientKeys = z.strictObject({
  name: endpointName("Its name, which the ledger and the metrics use."),
  key: clientKey("The key that clients show: a reference such as ${NAME} or file:PATH."),
  models: z.array(modelPattern("A model that it may use.")).min(1).optional(),
  limits: keyLimits.optional(),
});

/** The document, of which every key is optional. `endpointTypes` are the words that `type:` may hold. */
export const documentSchema = (endpointTypes: readonly string[]) =>
  z.strictObject({
    server,
    store: store(
      "Where keys and the ledger live: sqlite (a file in the data directory), :memory: or a file name.",
    ).prefault("sqlite"),
    state: state("Where limits are counted and pauses known: memory, or a Redis URL for several replicas.").prefault(
      "memory",
    ),
    access: section({
      open: choice(["loopback", "never", "always"], "Who may come without a key.").prefault("loopback"),
    }),
    responses: section({
      life: duration("How long a response of OpenAI's Responses API is kept after its last use.").prefault("1h"),
      bytes: size("Most memory that kept responses and conversations take.").prefault("64MiB"),
      entries: whole(1, 1_000_000, "Most responses and conversations that are kept.").prefault(10_000),
    }),
    circuit: section({
      failures: whole(1, 100, "So many failures within the window open a target's circuit.").prefault(5),
      window: duration("The time in which failures are counted.").prefault("60s"),
      cooldown: duration("How long the circuit stays open before one request may try the target.").prefault("15s"),
    }).describe("When a target that fails is left alone, unless a model says otherwise."),
    log: section({ level: logLevel("How much is logged.").prefault("info") }),
    detect: flag("Whether endpoints are found in the environment and on this machine.").prefault(true),
    endpoints: list(endpoint(endpointTypes)),
    models: list(model),
    keys: list(clientKeys).describe("Client keys beside those that `patchbay keys create` makes."),
    families: z
      .strictObject(
        Object.fromEntries(
          tiers.map((tier) => [tier, text(`The model for names of the tier \`${tier}\`.`).optional()]),
        ) as { readonly [Name in Tier]: z.ZodOptional<z.ZodType<string>> },
      )
      .optional()
      .describe("Which model stands for names that nobody has, by what their words promise; see docs/routing.md."),
    fallback: text("The model that stands for all other names that nobody has.").optional(),
  });

export type Document = z.infer<ReturnType<typeof documentSchema>>;
export type DocumentEndpoint = Document["endpoints"][number];
export type DocumentModel = Document["models"][number];
