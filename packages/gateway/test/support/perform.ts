import type { BehaviourKind, BehaviourOf } from "./behaviour.ts";
import type { Exchange } from "./call.ts";
import { forever } from "./call.ts";
import * as streams from "./streams.ts";
import * as whole from "./whole.ts";

const performers: {
  readonly [K in BehaviourKind]: (exchange: Exchange, behaviour: BehaviourOf<K>) => Promise<void> | void;
} = {
  answer: whole.answer,
  stream: streams.stream,
  echo: whole.echo,
  status: whole.status,
  "error-body": whole.errorBodyWith200,
  "reset-before": whole.resetBefore,
  "close-before": whole.closeBefore,
  raw: whole.raw,
  silence: forever,
  "slow-headers": whole.slowHeaders,
  "slow-first-token": streams.slowFirstToken,
  cut: streams.cut,
  stall: streams.stall,
  malformed: streams.malformed,
  "error-event": streams.errorEvent,
  "reset-after-done": streams.resetAfterDone,
  "hang-after-done": streams.hangAfterDone,
  html: whole.html,
  empty: whole.empty,
  null: whole.nullBody,
  "no-content": whole.noContent,
  "json-for-stream": whole.jsonForStream,
  "stream-for-json": streams.stream,
  "truncated-json": whole.truncatedJson,
  "deep-json": whole.deepJson,
  redirect: whole.redirect,
  compressed: whole.compressed,
  "huge-line": streams.hugeLine,
  "endless-line": streams.endlessLine,
  "endless-stream": streams.endlessStream,
};

/** Does to a call what the behaviour says. Rejects with an AbortError when the caller leaves meanwhile. */
export async function perform<K extends BehaviourKind>(exchange: Exchange, behaviour: BehaviourOf<K>): Promise<void> {
  const performer: (exchange: Exchange, behaviour: BehaviourOf<K>) => Promise<void> | void = performers[behaviour.kind];
  await performer(exchange, behaviour);
}
