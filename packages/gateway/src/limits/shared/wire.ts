/** A connection to Redis. */
export interface Line {
  /** Sends a command. Rejects when Redis refuses it, or when the connection ends first. */
  send(command: readonly string[]): Promise<unknown>;
  close(): void;
}

/** What became of a command. */
export type Answer =
  | { readonly state: "answered"; readonly reply: unknown }
  /** Not in time. It may have been carried out, or be so yet: `reply` tells, or rejects. */
  | { readonly state: "late"; readonly reply: Promise<unknown> }
  /** Refused by Redis, or the connection ended. */
  | { readonly state: "failed"; readonly why: string };

interface Sent {
  readonly at: number;
  readonly deadline: number;
  readonly giveUp: () => void;
  isOver: boolean;
}

/** Milliseconds between two looks at what is under way. */
const look = 5;

/** Milliseconds that each command before one in the queue may take. */
const perCommand = 0.2;

/**
 * Commands on one connection, none of which is waited for in vain. A command is late after `patience` milliseconds, or
 * when for so long nothing at all was answered: what was sent later cannot be answered before. Time in which this
 * process itself was busy does not count, since it could not have read an answer.
 */
export class Wire implements Disposable {
  readonly #line: Line;
  readonly #patience: number;
  readonly #clock: { monotonic(): number };
  /** In the order in which they were sent; answered ones too, until they are first. */
  readonly #queue: Sent[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lookedAt = 0;
  /** Milliseconds in which answers could have been read. */
  #elapsed = 0;
  #answeredAt = 0;
  /** Commands that are late and of which nothing is known. */
  #overdue = 0;

  constructor(line: Line, patience: number, clock: { monotonic(): number }) {
    this.#line = line;
    this.#patience = patience;
    this.#clock = clock;
  }

  /** A late command is still unanswered, so that one that is sent now would be late too. */
  get isStalled(): boolean {
    return this.#overdue > 0;
  }

  /** @param isReply Whether a reply is one to this command; any other counts as a refusal. */
  send(command: readonly string[], isReply: (reply: unknown) => boolean = () => true): Promise<Answer> {
    return new Promise((resolve) => {
      const reply = this.#line.send(command).then((value) => {
        if (isReply(value)) return value;
        throw Object.assign(new Error("no reply to this command"), { code: "EPROTO" });
      });
      let isLate = false;
      const sent: Sent = {
        at: this.#elapsed,
        deadline: this.#elapsed + this.#patience + this.#queue.length * perCommand,
        isOver: false,
        giveUp: () => {
          isLate = true;
          this.#overdue++;
          resolve({ state: "late", reply });
        },
      };
      const over = (answer: Answer) => {
        sent.isOver = true;
        this.#answeredAt = this.#elapsed;
        if (isLate) this.#overdue--;
        else resolve(answer);
      };
      reply.then(
        (value) => over({ state: "answered", reply: value }),
        (error) => over({ state: "failed", why: wordOf(error) }),
      );
      this.#queue.push(sent);
      if (this.#timer === undefined) this.#watch();
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#line.close();
    for (const sent of this.#queue.splice(0)) if (!sent.isOver) sent.giveUp();
  }

  #watch(): void {
    this.#lookedAt = this.#clock.monotonic();
    this.#timer = setTimeout(() => this.#look(), look);
  }

  #look(): void {
    this.#elapsed += Math.min(this.#clock.monotonic() - this.#lookedAt, 2 * look);
    while (this.#queue[0]?.isOver === true) this.#queue.shift();
    const [first] = this.#queue;
    const isSilent = first !== undefined && this.#elapsed - Math.max(first.at, this.#answeredAt) >= this.#patience;
    let open = 0;
    for (const sent of this.#queue) {
      if (sent.isOver) continue;
      if (isSilent || this.#elapsed >= sent.deadline) {
        sent.isOver = true;
        sent.giveUp();
      } else open++;
    }
    this.#timer = undefined;
    if (open > 0) this.#watch();
  }
}

/** The system's or Redis's word for an error, such as ECONNREFUSED or WRONGPASS; never a message, which may quote. */
export function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return "error";
  if ("code" in error && typeof error.code === "string") return error.code;
  return /^[A-Z]{3,20}(?= )/.exec(error.message)?.[0] ?? error.name;
}
