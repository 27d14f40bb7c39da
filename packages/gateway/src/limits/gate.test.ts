import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Gate } from "./gate.ts";
import type { Comer, Seat } from "./gate.ts";

const comer = (more: Partial<Comer> = {}): Comer => ({
  concurrent: 1,
  queue: 10,
  priority: 0,
  who: "a",
  ready: () => {},
  ousted: () => {},
  ...more,
});
const turn = () => new Promise<void>((resolve) => queueMicrotask(resolve));

test("so many go in at a time, so many wait, and the rest is turned away", () => {
  const gate = new Gate();
  const held = gate.enter(comer({ concurrent: 2, queue: 1 }));
  gate.enter(comer({ concurrent: 2, queue: 1 }));
  const waiting = gate.enter(comer({ concurrent: 2, queue: 1 }));
  assert.deepEqual(
    [held?.isHeld, waiting?.isHeld, gate.enter(comer({ concurrent: 2, queue: 1 }))],
    [true, false, undefined],
  );
  held?.leave();
  held?.leave();
  assert.deepEqual([waiting?.isHeld, gate.held, gate.waiting], [true, 2, 0]);
});

test("greater priority goes first, then places go round among those who come", async () => {
  const gate = new Gate();
  const order: string[] = [];
  const seats: (Seat | undefined)[] = [gate.enter(comer())];
  const add = (who: string, priority = 0) => {
    const index = seats.length;
    seats.push(
      gate.enter(
        comer({
          who,
          priority,
          ready: () => {
            order.push(who);
            seats[index]?.leave();
          },
        }),
      ),
    );
  };
  for (const who of ["a", "a", "a", "b", "c"]) add(who);
  add("late but urgent", 5);
  seats[0]?.leave();
  for (let index = 0; index < 20; index++) await turn();
  assert.deepEqual(order, ["late but urgent", "a", "b", "c", "a", "a"]);
});

test("who leaves the queue is not let in, also between being let in and being told", async () => {
  const gate = new Gate();
  const first = gate.enter(comer());
  let told = 0;
  const gone = gate.enter(comer({ ready: () => told++ }));
  const next = gate.enter(comer({ ready: () => told++ }));
  first?.leave();
  gone?.leave();
  await turn();
  await turn();
  assert.deepEqual([told, next?.isHeld, gate.held], [1, true, 1]);
  next?.leave();
  assert.deepEqual([gate.held, gate.waiting], [0, 0]);
});

test("every fourth place is given without regard to priority, so that no priority keeps another out for ever", async () => {
  const gate = new Gate();
  const order: string[] = [];
  let inside = gate.enter(comer());
  const add = (who: string, priority: number) => {
    const seat = gate.enter(
      comer({
        who,
        priority,
        ready: () => {
          order.push(who);
          inside = seat;
        },
      }),
    );
  };
  add("patient", 0);
  for (let index = 0; index < 8; index++) {
    add(`urgent ${index}`, 9);
    inside?.leave();
    await turn();
    await turn();
  }
  assert.equal(order.indexOf("patient"), 3);
});

test("whoever fills the queue gives way to others, and is told so", async () => {
  const gate = new Gate();
  const told: string[] = [];
  const add = (who: string, priority = 0) =>
    gate.enter(comer({ who, priority, queue: 3, ousted: () => told.push(who), ready: () => {} }));
  const held = add("greedy");
  for (let index = 0; index < 3; index++) assert.equal(add("greedy")?.isHeld, false);
  assert.equal(add("greedy"), undefined);
  const modest = add("modest");
  assert.equal(modest?.isHeld, false);
  const urgent = add("greedy", 1);
  await turn();
  assert.deepEqual([told, gate.waiting], [["greedy", "greedy"], 3]);
  held?.leave();
  assert.equal(urgent?.isHeld, true);
});

test("a smaller number holds for those who wait already, and none lets all of them in", () => {
  const gate = new Gate();
  const held = [0, 1, 2].map(() => gate.enter(comer({ concurrent: 3 })));
  const waiting = [0, 1].map(() => gate.enter(comer({ concurrent: 3 })));
  gate.allow(1);
  held[0]?.leave();
  held[1]?.leave();
  assert.deepEqual([gate.held, gate.waiting], [1, 2]);
  held[2]?.leave();
  assert.deepEqual([gate.held, waiting.map((seat) => seat?.isHeld)], [1, [true, false]]);
  gate.allow(Infinity);
  assert.deepEqual([gate.held, gate.waiting], [2, 0]);
});

test("a greater number lets those who wait in when somebody comes", () => {
  const gate = new Gate();
  gate.enter(comer());
  const waiting = gate.enter(comer());
  gate.enter(comer({ concurrent: 3 }));
  assert.deepEqual([waiting?.isHeld, gate.held], [true, 3]);
});

test("whatever happens, never more are in than may be, and no place is lost", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ comes: fc.boolean(), index: fc.nat(30), priority: fc.integer({ min: 0, max: 2 }) }), {
        maxLength: 80,
      }),
      async (moves) => {
        const gate = new Gate();
        const seats: Seat[] = [];
        let waiting = 0;
        for (const { comes, index, priority } of moves) {
          if (comes) {
            const seat = gate.enter(comer({ concurrent: 3, queue: 5, priority, who: String(index % 3) }));
            if (seat !== undefined) seats.push(seat);
            assert.ok(gate.waiting >= waiting, "who was ousted left a hole");
            waiting = gate.waiting;
          } else seats.splice(index % Math.max(1, seats.length), 1)[0]?.leave();
          waiting = Math.min(waiting, gate.waiting);
          assert.ok(gate.held <= 3 && gate.waiting <= 5);
          assert.equal(gate.held, seats.filter(({ isHeld }) => isHeld).length);
          assert.ok(gate.waiting === 0 || gate.held === 3, "somebody waits beside a free place");
        }
        for (const seat of seats) seat.leave();
        await turn();
        assert.deepEqual([gate.held, gate.waiting], [0, 0]);
      },
    ),
    { numRuns: 150 },
  );
});
