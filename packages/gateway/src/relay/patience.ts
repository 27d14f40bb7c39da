import type { TargetState } from "../routing/target-state.ts";

/** A target that is known to think before it answers gets so many times the patience. */
const reasoningFactor = 3;

/** A history allows so many times what nearly no answer of it exceeds. */
const historyFactor = 2;

/** Once in a while a target that was given up early gets so many times the patience, to find out whether it is slow or silent. */
const stretchFactor = 4;
const stretchEvery = 300_000;

/**
 * And for the first time so long after it was given up. Few streams that are well begin late, so nobody is made to wait
 * soon. A whole answer takes long by its length alone, so that the next one is to show it.
 */
const firstStretch = { streamed: stretchEvery, whole: 0 };

/** Milliseconds that each byte of a request adds: long prompts are read at some 10,000 tokens a second. */
const perByte = 1 / 40;

/** What patience with a target depends on. */
export interface PatienceQuestion {
  /** Least time that a target has while others are left; milliseconds. */
  readonly patience: number;
  readonly stream: boolean;
  readonly reasoning: boolean;
  /** Bytes of the request's body. */
  readonly size: number;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/**
 * How long to wait for the beginning of an answer (unstreamed: for all of it) before the next target is asked, in
 * milliseconds. Only for attempts after which another target is left: the last one gets its whole configured timeout.
 *
 * The least is `patience` (10 s), three times as much for a model that is known to reason, and a second more for every
 * 40,000 bytes of the request. A target that was slower than that of late gets twice what its answers usually take at
 * most. One that was given up early gets four times the patience once in five minutes (unstreamed, the next time at
 * once): if it answers then it was slow, and its history says so from there on; if not it is silent.
 */
export function patienceWith(target: TargetState, question: PatienceQuestion): number {
  const { patience, stream, reasoning, size, now } = question;
  const least = patience * (reasoning ? reasoningFactor : 1) + size * perByte;
  const history = target.history(stream);
  const usual = Math.max(least, historyFactor * (history.tail ?? 0));
  if (history.stretchAt === undefined || now < history.stretchAt) return usual;
  history.stretchAt = now + stretchEvery;
  return Math.max(usual, stretchFactor * least);
}

/** A target was not waited for any longer, since another was left. */
export function noteGivenUp(target: TargetState, { stream, now }: Pick<PatienceQuestion, "stream" | "now">): void {
  target.history(stream).stretchAt ??= now + (stream ? firstStretch.streamed : firstStretch.whole);
}
