/** A fault that the gateway must survive, what it is to do, and the tests that show it. */
export interface Row {
  readonly row: string;
  readonly fault: string;
  readonly promise: string;
  /** Files below the package, each with a piece of the test's title as it stands there. */
  readonly shownBy: readonly (readonly [file: string, title: string])[];
}

const catalogue = (title: string) => ["test/faults/catalogue.ts", `name: "${title}"`] as const;
const turns = (title: string) => ["src/relay/turns.test.ts", title] as const;

/**
 * The rows of the threat model's table of faults that concern routing, streams and state. Those of what is not built yet
 * (agents on the command line, OAuth, PostgreSQL, idempotency keys) are missing; those of Redis are with its store.
 */
export const rows: readonly Row[] = [
  {
    row: "F1",
    fault: "a reset, a FIN, garbage or a refusal before the head",
    promise: "the next target at once, else 502 or 504 in the client's protocol; attempts are capped",
    shownBy: [
      ["test/failover.test.ts", "at the first target is answered by the second"],
      ["test/failover.test.ts", "goes to the second target at once"],
      catalogue("TCP reset"),
      turns("attempts are capped over all targets"),
    ],
  },
  {
    row: "F2",
    fault: "a kept-alive connection that is closed as it is used",
    promise: "sent once more on a connection of its own; no client notices",
    shownBy: [
      ["test/driver.test.ts", "no client notices that an upstream closes idle connections as they are used"],
      ["test/driver.test.ts", "one stale connection after another costs a request one more try"],
    ],
  },
  {
    row: "F3",
    fault: "a reset, a FIN or a stall in mid-stream",
    promise: "one error event in the client's protocol, no end, nobody else asked, tokens so far booked; or made whole",
    shownBy: [
      ["test/streams.test.ts", "in mid-stream ends in one error event, and nobody else is asked"],
      ["test/cuts.test.ts", "is never taken for complete before it is"],
      ["test/ledger-rows.test.ts", "a stream that broke, and one that the client left, keep what had been counted"],
      catalogue("cut after 40 of 60 tokens"),
      catalogue("stall of 30 s mid-stream"),
    ],
  },
  {
    row: "F4",
    fault: "a reset or a hang after the end, a missing [DONE]",
    promise: "a success with one [DONE]",
    shownBy: [["test/streams.test.ts", "is a success with one [DONE]"], catalogue("missing [DONE]")],
  },
  {
    row: "F5",
    fault: "a late head or first token, silence",
    promise: "a time for each phase; comments to the client; the next target while nothing was sent",
    shownBy: [
      catalogue("silence for 120 s"),
      catalogue("first token after 20 s"),
      ["test/patience.test.ts", "hears comments, and the answer of another target after them"],
      turns("is not asked again"),
    ],
  },
  {
    row: "F6",
    fault: "odd but lawful event streams",
    promise: "the same text, byte for byte",
    shownBy: [
      ["test/cuts.test.ts", "comes out byte for byte"],
      ["src/wire/sse.test.ts", "any stream, cut anywhere, reads as the specification reads it"],
    ],
  },
  {
    row: "F7",
    fault: "a huge line, a line or a stream without end",
    promise: "an error at the limit, in bounded memory",
    shownBy: [
      ["test/failover.test.ts", "a line without end"],
      ["test/streams.test.ts", "an event beyond the limit"],
      ["src/wire/sse.test.ts", "a block held in single bytes takes memory in proportion to its bytes"],
    ],
  },
  {
    row: "F8",
    fault: "an event that is no JSON",
    promise: "the stream fails, nothing is skipped silently",
    shownBy: [catalogue("one malformed event"), ["test/streams.test.ts", "an event that is no object"]],
  },
  {
    row: "F9",
    fault: "half of a JSON body, nothing, `null`, 204, a web page, the wrong shape",
    promise: "what is lossless works, the rest goes elsewhere; no upstream's page reaches a client",
    shownBy: [
      ["test/failover.test.ts", "200 with a web page"],
      ["test/failover.test.ts", "is understood"],
    ],
  },
  {
    row: "F10",
    fault: "an error inside a 200, or as the first event",
    promise: "a failure like any other, which goes elsewhere",
    shownBy: [["test/failover.test.ts", "a named error event after the role"]],
  },
  {
    row: "F11",
    fault: "compressed answers that lie, are cut, or are bombs",
    promise: "decoded or refused, within limits",
    shownBy: [
      ["test/failover.test.ts", "a br bomb"],
      ["src/backends/http/inflate.test.ts", "a body that is cut anywhere is an error"],
    ],
  },
  {
    row: "F12",
    fault: "429 and 503 with every form of Retry-After, 529",
    promise: "parsed, an hour at most, the target alone pauses, the client is told the shortest wait",
    shownBy: [
      turns("the pause after"),
      turns("a hundred refusals at once are one refusal"),
      ["test/failover.test.ts", "429 twice"],
      ["src/wire/headers.test.ts", "retry-after"],
      catalogue("429 with Retry-After 2"),
      catalogue("persistent 429"),
    ],
  },
  {
    row: "F13",
    fault: "401 and 403 of an upstream",
    promise:
      "the operator's trouble, never the client's; the next credential, then the next target; no secret in words",
    shownBy: [
      ["test/failover.test.ts", "a 401 of every upstream is the operator's trouble"],
      ["test/failover.test.ts", "does not reach the client"],
      turns("a limited one is passed over before the next target"),
      turns("a credential that is refused is asked more and more rarely"),
    ],
  },
  {
    row: "F14",
    fault: "a target that keeps failing",
    promise: "its circuit opens, one probe at a time, and the only target is never shut for ever",
    shownBy: [
      turns("a circuit that opened keeps requests away, lets one probe through, and closes"),
      turns("when every circuit is open a target is asked all the same"),
      turns("a target whose answers begin and break off is left alone like any other"),
      turns("answers that were under way when a circuit opened do not close it"),
      ["src/routing/circuit.test.ts", "whatever happens, at most one request probes"],
      catalogue("persistent 503"),
      catalogue("flapping for 60 s with a request every 4 s"),
    ],
  },
  {
    row: "F15",
    fault: "a client that leaves in any phase",
    promise: "the upstream is closed at once, nothing is retried, places are given back, the circuit is untouched",
    shownBy: [
      ["test/patience.test.ts", "the upstream is closed at once, nothing is retried, and the row says so"],
      ["test/limits.test.ts", "who leaves while it waits, or in the midst of its answer, gives its place up"],
      turns("a probe whose client left is given back"),
    ],
  },
  {
    row: "F18",
    fault: "a slow client",
    promise: "bounded memory, and an end to it",
    shownBy: [
      ["test/backpressure.test.ts", "an endless stream waits for it, goes on with it, and ends when it stays away"],
      ["test/pressure.test.ts", "a client that does not read its answer does not fill the memory, and is cut off"],
    ],
  },
  {
    row: "F19",
    fault: "a client that vanishes without a word",
    promise: "the stall's time ends it",
    shownBy: [["test/backpressure.test.ts", "ends when it stays away"]],
  },
  {
    row: "F20",
    fault: "a name that does not resolve, or whose resolver hangs",
    promise: "the next target, else 502 soon; a name that was known goes on working",
    shownBy: [
      ["test/faults/network.test.ts", "a name that does not resolve"],
      ["test/faults/resolver.slow.ts", "eight names that hang hold up neither other endpoints nor the gateway"],
      ["src/backends/names.test.ts", "a resolver that hangs holds up a known name for half a second"],
      [
        "src/backends/names.test.ts",
        "a name that hangs and was never known keeps its own callers waiting, and nobody else",
      ],
    ],
  },
  {
    row: "F21",
    fault: "TLS that cannot be trusted, or is none",
    promise: "the next target, else 502 that names TLS; never anything in the clear",
    shownBy: [
      ["test/faults/network.test.ts", "a certificate of its own"],
      ["test/faults/network.test.ts", "no TLS at all"],
      ["src/backends/http/transport-error.test.ts", "a certificate that has expired"],
    ],
  },
  {
    row: "F22",
    fault: "a wall clock that jumps",
    promise: "durations are monotonic, and no wait is negative",
    shownBy: [
      ["src/limits/window.test.ts", "a wall clock that jumps back gives no money back and makes no negative wait"],
      ["src/limits/window.test.ts", "a clock that stands still or goes back takes nothing away"],
      turns("a wall clock that jumps changes no pause, no circuit and no time"),
    ],
  },
  {
    row: "F23",
    fault: "a full disk",
    promise: "answers go on, rows wait in bounded memory and are written once there is room",
    shownBy: [
      ["src/store/durability.test.ts", "a full disk delays rows, reading goes on, and everything is written"],
      ["src/store/ledger.test.ts", "at most 100,000 rows wait; the others are counted as dropped"],
    ],
  },
  {
    row: "F24",
    fault: "a directory that one may not write to",
    promise: "refused at the start with the reason",
    shownBy: [["src/store/open.test.ts", "a directory that one may not write to is refused with the reason"]],
  },
  {
    row: "F25",
    fault: "a store that another process has locked",
    promise: "it holds up nobody and loses nothing",
    shownBy: [
      ["test/ledger-rows.test.ts", "a store that is locked holds up nobody"],
      ["src/store/durability.test.ts", "another process's lock delays rows but neither loses them nor blocks"],
    ],
  },
  {
    row: "F26",
    fault: "a store that is damaged, of another program, or newer",
    promise: "refused at the start, and left as it is",
    shownBy: [
      ["src/store/open.test.ts", "a file that is no database is refused and left as it is"],
      ["src/store/open.test.ts", "a damaged page is found at start, whichever page it is"],
      ["src/store/open.test.ts", "a newer schema is refused"],
    ],
  },
  {
    row: "F27",
    fault: "kill -9",
    promise: "keys survive, at most the last 200 ms of rows are lost, nothing is damaged",
    shownBy: [
      ["src/store/durability.test.ts", "a kill -9 loses at most the last 200 ms of rows, and damages nothing"],
      ["src/store/keys.test.ts", "a key that was inserted survives a kill -9 right after"],
    ],
  },
  {
    row: "F32",
    fault: "SIGTERM",
    promise: "streams finish, those that outlive their time end in an error event",
    shownBy: [
      ["test/lifecycle.test.ts", "a stop lets fifty streams finish"],
      ["test/lifecycle.test.ts", "streams that outlive the time for a stop end in an error event"],
    ],
  },
  {
    row: "F34",
    fault: "a document that changes for the worse",
    promise: "nothing of it is taken over, and no request is disturbed",
    shownBy: [["test/lifecycle.test.ts", "two hundred changes of the document, good and bad, disturb no request"]],
  },
  {
    row: "F35",
    fault: "an endpoint that is taken away or disabled",
    promise: "what is under way finishes, the next goes elsewhere",
    shownBy: [
      ["test/lifecycle.test.ts", "a stream goes on when its endpoint is taken away"],
      ["test/lifecycle.test.ts", "a disabled endpoint's requests go to the next target"],
    ],
  },
  {
    row: "F38",
    fault: "more connections than there is room for",
    promise: "the rest is closed at once, those that stand are served",
    shownBy: [["test/pressure.test.ts", "connections beyond their cap are closed at once"]],
  },
  {
    row: "F43",
    fault: "everybody coming back at once",
    promise: "one probe, a bounded queue, waits that differ",
    shownBy: [
      turns("a circuit that opened keeps requests away, lets one probe through, and closes"),
      turns("after growing random times"),
      ["src/limits/gate.test.ts", "so many go in at a time, so many wait, and the rest is turned away"],
    ],
  },
  {
    row: "F44",
    fault: "a storm of retries",
    promise: "a fifth more calls in ten seconds at most",
    shownBy: [
      turns("the retry budget ends retries, and no request is refused for want of it"),
      turns("with every target failing, requests beyond the first few cost a fifth more calls at most"),
    ],
  },
  {
    row: "F46",
    fault: "limits under a thousand requests at once",
    promise: "never more than the limit",
    shownBy: [["test/limits.test.ts", "a thousand requests at once do not get a key over its limit"]],
  },
  {
    row: "F47",
    fault: "a budget that is overshot",
    promise: "reserved before, settled after, exactly once",
    shownBy: [
      ["src/limits/limits.test.ts", "nobody is over a limit and everything is settled exactly once"],
      ["test/limits.test.ts", "money is reserved by price and settled by use"],
    ],
  },
];
