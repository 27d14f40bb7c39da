import type { Incoming } from "../../router.ts";
import type { Responses } from "./responses.ts";
import type { Follower, Run } from "./run.ts";

/**
 * Streams a run to a client, from its first event or from behind the one numbered `after`, until it is over. The run
 * waits for nobody: who reads slowly reads later.
 */
export function follow({ gateway }: Responses, incoming: Incoming, run: Run, after = -1): void {
  const { response } = incoming;
  const { stall } = gateway.service.current().settings;
  const place = { next: run.kept.from, blocked: false };
  const write = (bytes: Buffer) => {
    place.blocked = !response.write(bytes);
    // Runs only while something is unread.
    response.setTimeout(place.blocked ? stall : 0);
  };
  const follower: Follower = {
    more: () => {
      const { from, to } = run.kept;
      // So slow a reader cannot be given what comes next.
      if (place.next < from) response.destroy();
      while (!place.blocked && place.next < to) {
        const event = run.event(place.next++);
        if (event !== undefined && event.sequence > after) write(event.raw);
      }
      if (run.over && place.next >= to) {
        run.followers.delete(follower);
        if (!response.writableEnded) response.end();
      }
    },
    beat: (bytes) => {
      if (!place.blocked) write(bytes);
    },
  };
  const headers = [
    "content-type",
    "text/event-stream; charset=utf-8",
    "cache-control",
    "no-store",
    "x-accel-buffering",
    "no",
  ];
  gateway.open(incoming, 200, headers).flushHeaders();
  response.on("drain", () => {
    place.blocked = false;
    follower.more();
  });
  response.on("timeout", () => response.destroy());
  response.on("close", () => run.followers.delete(follower));
  response.on("error", () => {});
  run.followers.add(follower);
  follower.more();
}
