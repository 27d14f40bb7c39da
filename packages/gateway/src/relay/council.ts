import type { EventBackend, Flow } from "../backends/types.ts";
import type { AnswerEvent } from "../kernel/event.ts";
import { failure } from "../kernel/failure.ts";
import type { Failure } from "../kernel/failure.ts";
import { operations } from "../kernel/protocol.ts";
import { sumOf } from "../kernel/usage.ts";
import type { Usage } from "../kernel/usage.ts";
import type { Entry } from "../limits/entry.ts";
import type { CanonicalRequest } from "../kernel/request.ts";
import type { CouncilSettings, PlannedAttempt } from "../routing/types.ts";
import { memberRequest, rendered, usageOf, withAnswers, withUsage } from "./council-words.ts";
import { FanOut } from "./fan-out.ts";
import { fetchImages } from "./media.ts";
import { prepare } from "./prepare.ts";
import type { Learned, PreparedCall, Wish } from "./prepare.ts";
import { actualOf, usedBy } from "./limited.ts";
import type { LimitedExchange, Spender } from "./limited.ts";
import { staged } from "./staged.ts";
import type { Turn } from "./turn.ts";
import type { Turns } from "./turns.ts";
import type { ExchangeInput, RelayContext } from "./types.ts";

/** Most members; whoever comes later in the plan is left out. */
const mostMembers = 16;

/** How a council is held where its model says nothing. */
const defaults: CouncilSettings = { tokens: 4096, patience: 60_000 };

export interface CouncilParts {
  readonly input: ExchangeInput;
  readonly context: RelayContext;
  readonly turns: Turns;
  readonly learned: Learned;
  readonly limited?: LimitedExchange | undefined;
  /** All members have answered, failed, or been left out. */
  readonly assembled: () => void;
}

/** What a member said. */
interface Opinion {
  readonly planned: PlannedAttempt;
  readonly call: PreparedCall;
  readonly events: readonly AnswerEvent[];
}

interface Member {
  readonly planned: PlannedAttempt;
  flow?: Flow;
  turn?: Turn;
  entry?: Entry | undefined;
  sentAt: number;
  opinion?: Opinion;
  isOver: boolean;
  /** Its connection had gone stale, and it was asked once more. */
  isAgain: boolean;
}

/**
 * `strategy: council`: every target but the judge's answers the request by itself, side by side; then the judge is
 * asked, with their answers, and streams the one that the client gets.
 *
 * A member that fails, or takes longer than the council's patience, is left out. When none is left the judge answers
 * alone; when the judge fails, the first member's answer stands.
 */
export class Council {
  /** Who writes the answer. */
  readonly judge: PlannedAttempt;
  readonly #parts: CouncilParts;
  /** The client's input, but for whole answers. */
  readonly #input: ExchangeInput;
  readonly #settings: CouncilSettings;
  readonly #members: readonly Member[];
  readonly #fetching = new AbortController();
  readonly #startedAt: number;
  #isOver = false;
  #isReplayed = false;

  constructor(judge: PlannedAttempt, members: readonly PlannedAttempt[], parts: CouncilParts) {
    const { input, context } = parts;
    this.judge = judge;
    this.#parts = parts;
    this.#input = { ...input, body: { ...input.body, stream: false } };
    this.#settings = { ...defaults, ...input.plan.model.council };
    this.#startedAt = context.clock.monotonic();
    this.#members = members.map((planned) => ({ planned, sentAt: this.#startedAt, isOver: false, isAgain: false }));
  }

  start(): void {
    for (const member of this.#members) {
      this.#ask(member, this.#parts.learned).catch((error: unknown) => {
        this.#parts.context.observer.threw(error);
        this.#failed(member, failure("internal", "The gateway failed to ask a member of the council."));
      });
    }
    this.#assembled();
  }

  /** @param now Monotonic milliseconds. */
  tick(now: number): void {
    if (this.#isOver) return;
    for (const member of this.#members) {
      const endpoint = this.#input.endpoints.get(member.planned.endpoint);
      const limit = Math.min(this.#settings.patience, endpoint?.timeouts.firstByte ?? Infinity);
      if (member.isOver || now - this.#startedAt < limit) continue;
      member.flow?.cancel();
      this.#parts.limited?.leaveQueues(member.planned);
      this.#failed(
        member,
        failure("timeout-first-token", `${member.planned.endpoint} did not answer the council within ${limit} ms.`),
      );
    }
  }

  cancel(): void {
    this.#isOver = true;
    this.#fetching.abort();
    for (const member of this.#members) {
      if (member.isOver) continue;
      member.flow?.cancel();
      this.#over(member, failure("cancelled", "The client's request ended before the council did."));
    }
  }

  /** How the judge's request differs from the client's. */
  wish(): Wish {
    const opinions = this.#opinions;
    const answers = opinions.map(({ events }) => rendered(events));
    const spent = opinions.map(({ events }) => usageOf(events));
    const { id } = this.#input;
    return {
      change: (request) => (answers.length === 0 ? request : withAnswers(request, answers, id)),
      stage: () => withUsage(spent),
    };
  }

  /**
   * What was spent where the judge was not asked: the sum of what the members report, without counts where one was
   * stopped or does not tell; undefined when none was asked.
   */
  get spent(): Spender | undefined {
    const asked = this.#members.filter(({ turn }) => turn !== undefined);
    const [first] = asked;
    if (first === undefined) return undefined;
    const usages = asked.map(({ opinion }) => (opinion === undefined ? undefined : usageOf(opinion.events)));
    return { planned: first.planned, used: sumOf(usages) };
  }

  /** The sum of what is known of the members' answers; the judge's usage, where it is told, has it in it. */
  get told(): Usage {
    const usages = this.#opinions.map(({ events }) => usageOf(events));
    return sumOf([{ inputTokens: 0, outputTokens: 0 }, ...usages.filter((usage) => usage !== undefined)]) ?? {};
  }

  /** The answer that stands when the judge has failed: the first member's; undefined when there is none. */
  fallback(): { readonly planned: PlannedAttempt; readonly call: PreparedCall } | undefined {
    const [first, ...others] = this.#opinions;
    if (first === undefined || this.#isReplayed) return undefined;
    this.#isReplayed = true;
    const { call, planned, events } = first;
    const { losses, answer, echoModel } = call;
    const replay: EventBackend = {
      kind: "events",
      run: (_request, receiver) => {
        for (const event of events) receiver.event(event);
        receiver.end();
        return { pause: nothing, resume: nothing, cancel: nothing };
      },
      models: async () => [],
      [Symbol.asyncDispose]: async () => {},
    };
    const request: CanonicalRequest = { operation: "embed", model: planned.model, inputs: [] };
    const backend = staged(replay, withUsage(others.map((other) => usageOf(other.events))));
    const standing = { kind: "events", sight: "translate", backend, request, losses, answer, echoModel } as const;
    return { planned, call: standing };
  }

  get #opinions(): readonly Opinion[] {
    return this.#members.flatMap(({ opinion }) => (opinion === undefined ? [] : [opinion]));
  }

  async #ask(member: Member, learned: Learned): Promise<void> {
    const { planned } = member;
    const { context, turns, limited } = this.#parts;
    const endpoint = this.#input.endpoints.get(planned.endpoint);
    if (endpoint === undefined) return this.#failed(member, failure("internal", "A member has no endpoint."));
    const credential = context.health.pick(planned, endpoint.credentials, limited?.demand);
    const wish: Wish = { change: (request) => memberRequest(request, this.#settings.tokens) };
    const prepared = prepare(this.#input, { planned, endpoint, credential }, { context, learned, wish });
    if (!prepared.ok) return this.#failed(member, prepared.failure);
    const call = prepared.value;
    if (call.kind === "media") {
      const fetched = await fetchImages(call.urls, context.media, this.#fetching.signal);
      if (this.#isOver || member.isOver) return;
      if (!fetched.ok) return this.#failed(member, fetched.failure);
      return this.#ask(member, { ...learned, fetched: new Map([...learned.fetched, ...fetched.value]) });
    }
    const go = (entry?: Entry) => {
      member.entry = entry;
      member.sentAt = context.clock.monotonic();
      member.turn = turns.begin(planned, credential, false);
      this.#listen(member, call, credential);
    };
    if (limited === undefined) return go();
    limited.enter(planned, { credential, requests: 1 }, { go, refused: (why) => this.#failed(member, why) });
  }

  #listen(member: Member, call: PreparedCall, credential: number): void {
    const { clock } = this.#parts.context;
    const { id, settings } = this.#input;
    const { model } = member.planned;
    const { isAgain } = member;
    const events: AnswerEvent[] = [];
    let size = 0;
    const backend =
      call.kind === "events"
        ? call.backend
        : new FanOut({
            backend: call.backend,
            codec: call.codec,
            calls: [{ body: Buffer.concat(call.body), stages: call.stages }],
            model,
            stream: false,
            requestId: id,
            headers: call.headers,
            credential,
            limit: settings.answer,
            now: () => clock.now(),
            fresh: isAgain,
          });
    const request: CanonicalRequest = call.kind === "events" ? call.request : { operation: "embed", model, inputs: [] };
    const flow = backend.run(request, {
      event: (event) => {
        if (member.isOver) return;
        if (event.type === "failure") {
          // It was never read.
          if (event.failure.kind !== "stale-connection" || isAgain) return this.#failed(member, event.failure);
          member.isAgain = true;
          return this.#listen(member, call, credential);
        }
        events.push(event);
        size += event.type === "part-delta" ? event.text.length : 0;
        if (size <= settings.answer) return;
        member.flow?.cancel();
        this.#failed(member, failure("bad-response", `A member's answer is larger than ${settings.answer} bytes.`));
      },
      end: () => this.#answered(member, call, events),
    });
    // It may have ended, and been asked again, before it was handed over.
    if (member.isAgain !== isAgain) return;
    member.flow = flow;
    if (member.isOver) flow.cancel();
  }

  #answered(member: Member, call: PreparedCall, events: readonly AnswerEvent[]): void {
    if (member.isOver) return;
    if (!events.some(({ type }) => type === "finish")) {
      return this.#failed(member, failure("bad-response", `${member.planned.endpoint}'s answer is not complete.`));
    }
    member.opinion = { planned: member.planned, call, events };
    const now = this.#parts.context.clock.monotonic();
    member.turn?.began(now - member.sentAt, now);
    this.#over(member);
    this.#assembled();
  }

  #failed(member: Member, why: Failure): void {
    if (member.isOver) return;
    this.#over(member, why);
    this.#assembled();
  }

  #over(member: Member, why?: Failure): void {
    member.isOver = true;
    const { context, turns, input } = this.#parts;
    if (member.turn === undefined) return;
    const events = member.opinion?.events;
    member.entry?.settle(actualOf(usedBy({ usage: events && usageOf(events) }, why, undefined)));
    turns.ended(member.turn, why);
    const { endpoint, model } = member.planned;
    const duration = context.clock.monotonic() - member.sentAt;
    context.observer.attempted({ input, endpoint, model, stream: false, duration, failure: why });
  }

  #assembled(): void {
    if (this.#isOver || this.#members.some(({ isOver }) => !isOver)) return;
    this.#isOver = true;
    this.#parts.assembled();
  }
}

/**
 * The council of an exchange whose model holds one; undefined where none is to be held, or nobody would be in it.
 * Members are the targets that can be asked now, the judge's left out.
 */
export function convene(parts: CouncilParts): Council | undefined {
  const { plan, endpoints } = parts.input;
  const { health } = parts.context;
  const { model, attempts, spare = [] } = plan;
  if (model.strategy !== "council" || operations[parts.input.codec.protocol] !== "generate") return undefined;
  const all = [...attempts, ...spare];
  const wanted = model.council?.judge ?? model.targets[0];
  const listed = all.find((each) => each.endpoint === wanted?.endpoint && each.model === wanted.model);
  const asked = model.council?.judge;
  const judge =
    listed ??
    (asked !== undefined && endpoints.has(asked.endpoint)
      ? { endpoint: asked.endpoint, model: asked.model, reason: "judge", wait: 0 }
      : all[0]);
  if (judge === undefined) return undefined;
  const isJudge = (each: PlannedAttempt) => each.endpoint === judge.endpoint && each.model === judge.model;
  const members = all.filter((each) => !isJudge(each) && health.isFree(each)).slice(0, mostMembers);
  return members.length === 0 ? undefined : new Council(judge, members, parts);
}

function nothing(): void {}
