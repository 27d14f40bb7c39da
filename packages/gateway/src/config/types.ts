import type { KeyLimits, SharedLimits } from "../kernel/limit.ts";
import type { JsonObject } from "../kernel/json.ts";
import type { Secret } from "../kernel/secret.ts";
import type { OpenaiApi } from "../kernel/vendor.ts";
import type { CircuitSettings, Families, ModelFacts, VirtualModel } from "../routing/types.ts";

/** All durations are milliseconds, all sizes bytes. */
export interface Timeouts {
  /** Until the connection to the upstream stands. */
  readonly connect: number;
  /** Streamed: from sending the request until the first meaningful event. */
  readonly firstToken: number;
  /** Unstreamed: from sending the request until the answer's first byte, which comes when the answer is complete. */
  readonly firstByte: number;
  /** Between two bytes of an answer. */
  readonly idle: number;
  /** The whole exchange with all its attempts. */
  readonly total: number;
}

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  /** Host names, besides loopback's, that a request's Host header may bear while bound to loopback. */
  readonly hosts: readonly string[];
  /** From where images that a request names by URL are fetched for backends that take only bytes. */
  readonly media: "public" | "anywhere" | "never";
  readonly cors: { readonly origins: readonly string[] };
  readonly limits: {
    /** Largest request body. */
    readonly body: number;
    /** Most exchanges at a time. */
    readonly concurrent: number;
    /** Most connections at a time. */
    readonly connections: number;
    /** Deepest nesting of a request body. */
    readonly depth: number;
    /** Largest unstreamed answer, and largest event of a stream. */
    readonly answer: number;
    /** What one address may ask for; absent: as much as it wants. */
    readonly perAddress?: AddressSettings;
  };
  readonly timeouts: Timeouts & {
    /** Until a request's head has come. */
    readonly header: number;
    /** Until a whole request has come. */
    readonly request: number;
    /** How long a client may leave its answer unread. */
    readonly stall: number;
    /** How long streams may go on after SIGTERM. */
    readonly drain: number;
  };
  /** Silence after which a comment is sent into a stream. */
  readonly keepalive: number;
}

/** Most requests of one address in a time, by what they ask for. Absent: any number. */
export interface AddressSettings {
  readonly window: number;
  /** Routes that have no figure of their own. */
  readonly requests?: number;
  readonly chat?: number;
  /** Requests with a wrong key. */
  readonly auth?: number;
  readonly health?: number;
}

export interface CredentialSettings {
  /** Absent for endpoints that need none. */
  readonly apiKey?: Secret;
  /** How the document names it, such as `${OPENAI_API_KEY}`; shown instead of the secret. */
  readonly reference?: string;
  readonly limits?: SharedLimits;
}

export interface EndpointSettings {
  readonly name: string;
  readonly type: string;
  /** Absent where the type knows it. Without a trailing slash. */
  readonly url?: string;
  /** Which of OpenAI's APIs is spoken with it; absent for what its type usually serves. */
  readonly api?: OpenaiApi;
  readonly enabled: boolean;
  readonly priority: number;
  /** What it is asked for at most, by all credentials together. */
  readonly limits?: SharedLimits;
  /** At least one; a keyless endpoint has one empty credential. */
  readonly credentials: readonly CredentialSettings[];
  /** Extra request headers; values may be secrets. */
  readonly headers: { readonly [name: string]: Secret };
  /** Where they differ from the server's. */
  readonly timeouts: Partial<Omit<Timeouts, "total">>;
  /** Milliseconds to stay away after a 429 that names no time; absent: a second, and twice as long each time in a row. */
  readonly cooldown?: number;
  /** Whom to ask how it is, and how often (milliseconds). */
  readonly health?: { readonly url: string; readonly every: number };
  /** Models stated by hand, for upstreams without a list. */
  readonly models: readonly { readonly id: string; readonly facts: ModelFacts }[];
  /** Options that only its type knows, such as the simulator's seed. */
  readonly options: JsonObject;
  /** True when detection made it, false when the document did. */
  readonly detected: boolean;
}

export interface AccessSettings {
  readonly open: "loopback" | "never" | "always";
  /** Keys that the environment fixes (`PROXY_API_KEY`, `API_KEY`), by the variable's name, and those of the document. */
  readonly fixedKeys: readonly FixedKeySettings[];
}

export interface FixedKeySettings {
  readonly name: string;
  readonly key: Secret;
  /** Only of a key of the document. */
  readonly listed?: { readonly models?: readonly string[]; readonly limits?: KeyLimits };
}

/** What is remembered of OpenAI's Responses between requests, in memory. */
export interface RetentionSettings {
  /** Milliseconds since the last use. OpenAI keeps responses for 30 days. */
  readonly life: number;
  readonly bytes: number;
  /** Responses and conversations. */
  readonly entries: number;
}

/** The document after validation, interpolation and detection. Immutable. */
export interface Config {
  readonly server: ServerSettings;
  readonly access: AccessSettings;
  /** Where the store lives: a file name or `:memory:`. */
  readonly store: string;
  /** The URL of the Redis that replicas share; absent: everything is counted in memory. */
  readonly state?: Secret;
  readonly responses: RetentionSettings;
  /** When a target that fails is left alone, unless a model says otherwise. */
  readonly circuit: CircuitSettings;
  readonly log: { readonly level: string };
  readonly detect: boolean;
  readonly endpoints: readonly EndpointSettings[];
  readonly models: readonly VirtualModel[];
  /** Which model stands for a tier of names that nobody has. */
  readonly families?: Families;
  /** The model that stands for all other names that nobody has. */
  readonly fallback?: string;
  /** The file it came from; absent when nothing is configured. */
  readonly file?: string;
  /** What was taken from the environment, in words for the start-up banner. Names only, never values. */
  readonly notes: readonly string[];
}

/** What is wrong with a document, and where. */
export interface ConfigProblem {
  readonly message: string;
  /** Path in the document, such as `models[0].targets[1].endpoint`. */
  readonly path: string;
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
}
