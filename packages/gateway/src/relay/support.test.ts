/** Fakes for the relay's tests: a clock, a client and a backend that do only what they are told. */
import { mock } from "node:test";
import type { Flow, WireBackend, WireCall, WireReceiver } from "../backends/types.ts";
import { openaiChat } from "../codecs/openai-chat/index.ts";
import type { Clock } from "../kernel/clock.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { Health } from "../routing/health.ts";
import { plainModel } from "../routing/types.ts";
import type { VirtualModel } from "../routing/types.ts";
import { scanObject } from "../wire/json-scan.ts";
import { Rope } from "../wire/rope.ts";
import { Ticker } from "./ticker.ts";
import { Unserved } from "./unserved.ts";
import type {
  AttemptReport,
  ClientSink,
  ExchangeInput,
  ExchangeReport,
  RelayContext,
  RelayObserver,
  RelaySettings,
} from "./types.ts";

/** Time stands still but for `passed`. */
export class FakeClock implements Clock {
  passed = 1000;
  now(): number {
    return 1_700_000_000_000 + this.passed;
  }
  monotonic(): number {
    return this.passed;
  }
}

/** Lets so many milliseconds pass, also for timers that are mocked. */
export function elapse(clock: FakeClock, milliseconds: number): void {
  for (let left = milliseconds; left > 0; left -= 50) {
    const step = Math.min(left, 50);
    clock.passed += step;
    mock.timers.tick(step);
  }
}

/** A client that notes what it was sent. Breaking the contract of `ClientSink` is a fault that is noted too. */
export class FakeClient implements ClientSink {
  onGone = (): void => {};
  onDrained = (): void => {};
  /** What `write` answers. */
  takes = true;
  status: number | undefined;
  headers: ReadonlyMap<string, string> = new Map();
  body = "";
  trailers: readonly string[] | undefined;
  state: "waiting" | "open" | "ended" | "destroyed" | "gone" = "waiting";
  readonly faults: string[] = [];

  open(status: number, headers: readonly string[]): void {
    if (this.state !== "waiting") this.faults.push(`opened when ${this.state}`);
    this.state = "open";
    this.status = status;
    this.headers = byName(headers);
  }

  write(bytes: Buffer): boolean {
    if (this.state !== "open") this.faults.push(`written to when ${this.state}`);
    this.body += bytes.toString();
    return this.takes;
  }

  end(bytes: Buffer, _stall = 0, trailers?: readonly string[]): void {
    this.trailers = trailers;
    if (this.state !== "open") this.faults.push(`ended when ${this.state}`);
    this.body += bytes.toString();
    this.state = "ended";
  }

  destroy(): void {
    this.state = "destroyed";
  }

  leave(): void {
    if (this.state !== "waiting" && this.state !== "open") return;
    this.state = "gone";
    this.onGone();
  }

  drain(): void {
    this.takes = true;
    if (this.state === "open") this.onDrained();
  }
}

/** One call at a fake backend. */
export class FakeCall implements Flow {
  readonly call: WireCall;
  readonly receiver: WireReceiver;
  paused = false;
  over: "ended" | "failed" | "cancelled" | undefined;

  constructor(call: WireCall, receiver: WireReceiver) {
    this.call = call;
    this.receiver = receiver;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  cancel(): void {
    this.over ??= "cancelled";
  }

  head(status: number, headers: { readonly [name: string]: string } = {}): void {
    if (this.over === undefined) this.receiver.head(status, (name) => headers[name]);
  }

  data(text: string): void {
    if (this.over === undefined) this.receiver.data(Buffer.from(text));
  }

  end(): void {
    if (this.over !== undefined) return;
    this.over = "ended";
    this.receiver.end();
  }

  fail(kind: Failure["kind"]): void {
    if (this.over !== undefined) return;
    this.over = "failed";
    this.receiver.fail(failure(kind, "The test says so."));
  }
}

export class FakeBackend implements WireBackend {
  readonly kind = "wire";
  readonly serves = ["openai-chat"] as const;
  readonly dialect = { streamUsage: true, developerRole: true };
  readonly calls: FakeCall[] = [];
  /** Does something to a call before `send` has returned. */
  onSend: (call: FakeCall) => void = () => {};

  send(call: WireCall, receiver: WireReceiver): Flow {
    const fake = new FakeCall(call, receiver);
    this.calls.push(fake);
    this.onSend(fake);
    return fake;
  }

  forward(): Flow {
    throw new Error("The relay forwards nothing.");
  }

  countPath(): undefined {
    return undefined;
  }

  async models(): Promise<readonly []> {
    return [];
  }

  redact(text: string): string {
    return text.replaceAll("canary", "[secret]");
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export class FakeObserver implements RelayObserver {
  readonly attempts: AttemptReport[] = [];
  readonly exchanges: ExchangeReport[] = [];
  readonly errors: unknown[] = [];

  attempted(report: AttemptReport): void {
    this.attempts.push(report);
  }

  settled(report: ExchangeReport): void {
    this.exchanges.push(report);
  }

  threw(error: unknown): void {
    this.errors.push(error);
  }
}

export interface Scene extends Disposable {
  readonly clock: FakeClock;
  readonly client: FakeClient;
  readonly backend: FakeBackend;
  readonly observer: FakeObserver;
  readonly context: RelayContext;
  readonly input: ExchangeInput;
}

export interface SceneOptions {
  readonly stream?: boolean;
  /** Names of the endpoints that are planned for, in order. All are the same backend. */
  readonly endpoints?: readonly string[];
  readonly relay?: VirtualModel["relay"];
  readonly settings?: Partial<RelaySettings>;
  readonly body?: object;
  readonly model?: Partial<VirtualModel>;
  /** Whether the targets' model is declared to go on with a prefill. */
  readonly prefill?: boolean;
}

/** Everything that an exchange needs. Deadlines are kept by `setInterval`, which tests may mock. */
export function scene(options: SceneOptions = {}): Scene {
  const { stream = true, endpoints = ["first", "second"], relay = "auto" } = options;
  const clock = new FakeClock();
  const client = new FakeClient();
  const backend = new FakeBackend();
  const observer = new FakeObserver();
  const ticker = new Ticker(clock, 50);
  const context: RelayContext = {
    clock,
    ticker,
    features: [],
    unserved: new Unserved(clock),
    media: { get: async () => ({ ok: false, failure: failure("bad-request", "no media here") }) },
    health: new Health(clock),
    codecs: new Map([[openaiChat.protocol, openaiChat]]),
    observer,
  };
  const messages = [{ role: "user", content: "Hello" }];
  const bytes = Buffer.from(JSON.stringify({ model: "asked", messages, stream, ...options.body }));
  const scan = scanObject(bytes, 64);
  if (!scan.ok) throw new Error(scan.message);
  const model: VirtualModel = {
    ...plainModel(
      "asked",
      endpoints.map((endpoint) => ({ endpoint, model: "actual" })),
    ),
    relay,
    ...options.model,
  };
  const timeouts = { connect: 5000, firstToken: 1000, firstByte: 2000, idle: 500 };
  const input: ExchangeInput = {
    id: "id",
    codec: openaiChat,
    requestedModel: "asked",
    body: { rope: new Rope([bytes]), object: scan.object, stream },
    plan: {
      model,
      attempts: endpoints.map((endpoint) => ({
        endpoint,
        model: "actual",
        reason: "",
        wait: 0,
        ...(options.prefill === undefined ? {} : { prefill: options.prefill }),
      })),
      excluded: [],
    },
    endpoints: new Map(
      endpoints.map((name) => [name, { name, type: "openai-compatible", backend, timeouts, credentials: 1 }]),
    ),
    settings: { total: 10_000, keepalive: 300, stall: 700, answer: 10_000, ...options.settings },
    client,
    headers: {},
    startedAt: clock.monotonic(),
    caller: {},
    strict: false,
  };
  return { clock, client, backend, observer, context, input, [Symbol.dispose]: () => ticker[Symbol.dispose]() };
}

/** An event of a chat stream. */
export const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "a", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** Pieces of a stream. */
export const events = {
  role: chunk({ role: "assistant", content: "" }),
  text: chunk({ content: "word " }),
  finish: chunk({}, "stop"),
  usage: `data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n`,
  done: "data: [DONE]\n\n",
  comment: ": ping\n\n",
  error: `data: {"error":{"message":"canary","code":"server_error"}}\n\n`,
  half: 'data: {"choices":[{"index":0,"del',
};

/** A whole answer. */
export const whole = JSON.stringify({
  id: "a",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "word" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2 },
});

export const eventStream = { "content-type": "text/event-stream" };
export const json = { "content-type": "application/json" };

/** Names and values in turn, as a map. */
export function byName(headers: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    headers.flatMap((name, index): [string, string][] => (index % 2 === 0 ? [[name, headers[index + 1] ?? ""]] : [])),
  );
}
