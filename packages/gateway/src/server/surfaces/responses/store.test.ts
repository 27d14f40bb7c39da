import assert from "node:assert/strict";
import { test } from "node:test";
import fastCheck from "fast-check";
import { elements, pageOf, withFields, scan } from "./items.ts";
import { ResponseStore, Segment, textsFor } from "./store.ts";
import type { StoredResponse } from "./store.ts";

let now = 0;
const clock = { now: () => now, monotonic: () => now };

function response(id: string, size: number, parent?: Segment): StoredResponse {
  const before = new Segment([Buffer.alloc(size, 120)], { parent });
  const after = new Segment([Buffer.from(`{"id":"msg_${id}","type":"message"}`)], { parent: before, endpoint: "up" });
  return {
    kind: "response",
    id,
    object: Buffer.from("{}"),
    before,
    after,
    endpoint: "up",
    foreign: false,
    run: undefined,
  };
}

test("the owner who holds most loses what was unused for longest", () => {
  const store = new ResponseStore(clock, () => ({ life: 1000, bytes: 20_000, entries: 100 }));
  store.save("small", response("a", 1000));
  for (const id of ["b", "c", "d", "e", "f"]) store.save("large", response(id, 4000));
  assert.ok(store.bytes <= 20_000);
  assert.ok(store.response("small", "a"));
  assert.equal(store.response("large", "b"), undefined);
  assert.ok(store.response("large", "f"));
});

test("what is unused for its life is gone, and its bytes with it", () => {
  const store = new ResponseStore(clock, () => ({ life: 1000, bytes: 100_000, entries: 100 }));
  store.save("o", response("a", 100));
  store.save("o", response("b", 100));
  now += 600;
  assert.ok(store.response("o", "a"));
  now += 600;
  assert.ok(store.response("o", "a"));
  assert.equal(store.response("o", "b"), undefined);
  now += 1001;
  assert.equal(store.response("o", "a"), undefined);
  assert.equal(store.bytes, 0);
  assert.equal(store.size, 0);
});

test("a chain holds each of its turns once, and outlives the responses before it", () => {
  const store = new ResponseStore(clock, () => ({ life: 1e9, bytes: 1e9, entries: 100 }));
  let last: StoredResponse | undefined;
  for (let turn = 0; turn < 50; turn++) {
    last = response(`r${turn}`, 10_000, last?.after);
    store.save("o", last);
  }
  assert.ok(store.bytes < 50 * 12_000, String(store.bytes));
  for (let turn = 0; turn < 49; turn++) store.remove("o", `r${turn}`);
  assert.equal(textsFor(store.response("o", "r49")?.after, "up").length, 100);
  store.remove("o", "r49");
  assert.equal(store.bytes, 0);
});

test("whatever is saved and removed, the count of bytes comes back to nothing, and is never beyond its bound", () => {
  const id = fastCheck.constantFrom("a", "b", "c", "d");
  const step = fastCheck.record({
    owner: fastCheck.constantFrom("x", "y"),
    id,
    parent: id,
    size: fastCheck.nat(3000),
    remove: fastCheck.boolean(),
  });
  fastCheck.assert(
    fastCheck.property(fastCheck.array(step, { maxLength: 30 }), (steps) => {
      const store = new ResponseStore(clock, () => ({ life: 1e9, bytes: 10_000, entries: 5 }));
      for (const { owner, id, parent, size, remove } of steps) {
        if (remove) store.remove(owner, id);
        else store.save(owner, response(id, size, store.response(owner, parent)?.after));
        assert.ok(store.bytes <= 10_000 && store.size <= 5);
      }
      for (const owner of ["x", "y"]) store.forget(owner);
      assert.equal(store.bytes, 0);
      assert.equal(store.size, 0);
    }),
    { numRuns: 200 },
  );
});

test("reasoning that is only an id goes to nobody but who thought it", () => {
  const items = [
    '{"type":"reasoning","id":"rs_1","summary":[]}',
    '{"type":"reasoning","id":"rs_2","encrypted_content":"x"}',
    '{"type":"message"}',
  ];
  const segment = new Segment(
    items.map((item) => Buffer.from(item)),
    { endpoint: "up" },
  );
  assert.equal(textsFor(segment, "up").length, 3);
  assert.equal(textsFor(segment, "other").length, 2);
});

test("the elements of an array are cut out as they stand", () => {
  fastCheck.assert(
    fastCheck.property(
      fastCheck.array(fastCheck.jsonValue(), { maxLength: 8 }),
      fastCheck.constantFrom(undefined, 2),
      (values, space) => {
        const texts = elements(Buffer.from(JSON.stringify(values, null, space)));
        assert.deepEqual(
          texts.map((text) => JSON.parse(text.toString()) as unknown),
          JSON.parse(JSON.stringify(values)),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("fields are changed, added and left out, and the others keep their bytes", () => {
  const text = Buffer.from('{ "a" : 1.0, "b":[1, 2] , "c":"x"}');
  const object = scan(text);
  assert.ok(object);
  const changes = new Map([
    ["b", undefined],
    ["c", Buffer.from("true")],
    ["d", Buffer.from("null")],
  ]);
  assert.equal(withFields(text, object, changes).toString(), '{"a" : 1.0,"c":true,"d":null}');
});

test("pages", () => {
  const items = ["a", "b", "c"].map((id) => ({ id }));
  const page = (query: string) => {
    const outcome = pageOf(items, new URLSearchParams(query));
    return outcome.ok
      ? [(outcome.list["data"] as { id: string }[]).map(({ id }) => id).join(""), outcome.list["has_more"]]
      : outcome.param;
  };
  assert.deepEqual(page(""), ["cba", false]);
  assert.deepEqual(page("order=asc&limit=2"), ["ab", true]);
  assert.deepEqual(page("order=asc&limit=2&after=b"), ["c", false]);
  assert.deepEqual(page("after=c"), ["ba", false]);
  for (const [query, param] of [
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=x", "limit"],
    ["order=up", "order"],
    ["after=z", "after"],
  ] as const)
    assert.equal(page(query), param);
});
