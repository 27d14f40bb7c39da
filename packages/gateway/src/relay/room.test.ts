import assert from "node:assert/strict";
import { test } from "node:test";
import type { Refusal } from "../limits/types.ts";
import { Room } from "./room.ts";
import { scene } from "./support.test.ts";

test("a target is asked again at once for another credential of its endpoint, and for each of them but once", () => {
  using house = scene();
  const [planned] = house.input.plan.attempts;
  assert.ok(planned !== undefined);
  const limits = { isLimiting: true, limited: () => 0, refusalOf: () => undefined };
  const room = new Room(limits, { tokens: () => 1 });
  const refused = (id: string) => {
    const refusal = { limit: "requestsPerMinute", words: "1 request per minute", wait: 500 } as const;
    room.refused(planned, { ...refusal, kind: "credential", id } satisfies Refusal, 1000);
    return room.wait(planned, 1000);
  };
  assert.deepEqual([refused("e#0"), refused("e#1"), refused("e#0")], [0, 0, 500]);
});
