import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Secret } from "../kernel/secret.ts";
import { Redactor } from "./redact.ts";

test("takes known secrets out, also as they look inside JSON and URLs", () => {
  const redactor = new Redactor();
  redactor.add([new Secret('top"secret/value'), new Secret("abc")]);
  assert.equal(redactor.known('a top"secret/value b abc'), "a [secret] b abc");
  assert.equal(redactor.known(JSON.stringify({ key: 'top"secret/value' })), '{"key":"[secret]"}');
  assert.equal(redactor.known(`?k=${encodeURIComponent('top"secret/value')}`), "?k=[secret]");
});

test("a secret that begins another leaves no tail of it", () => {
  const redactor = new Redactor();
  redactor.add([new Secret("secret-a")]);
  redactor.add([new Secret("secret-a-longer")]);
  assert.equal(redactor.known("secret-a-longer secret-a"), "[secret] [secret]");
});

const suspicious: readonly (readonly [text: string, clean: string])[] = [
  ["Incorrect API key provided: sk-proj-abcdEFGH1234", "Incorrect API key provided: [secret]"],
  ["authorization: Bearer eyJhbGciOi.J9.x-y_z", "authorization: Bearer [secret]"],
  ["connect http://user:pass@host/path", "connect http://[secret]@host/path"],
  ["GET /v1beta/models?key=AIzaSyA-1&alt=sse", "GET /v1beta/models?key=[secret]&alt=sse"],
  ["a task-based risk-averse plan at http://host/a@b", "a task-based risk-averse plan at http://host/a@b"],
];

for (const [text, clean] of suspicious) {
  test(`of ${JSON.stringify(text)} only what is harmless remains`, () => {
    assert.equal(new Redactor().text(text), clean);
  });
}

test("no secret survives, whatever surrounds it", () => {
  const secret = fc.string({ minLength: 6, maxLength: 40, unit: "grapheme" }).filter((value) => value.length >= 6);
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 5 }),
      fc.string(),
      fc.string(),
      (secrets, before, after) => {
        const redactor = new Redactor();
        redactor.add(secrets.map((value) => new Secret(value)));
        for (const value of secrets) {
          if ("[secret]".includes(value)) continue;
          assert.ok(!redactor.known(`${before}|${value}|${after}`).includes(`|${value}|`));
        }
      },
    ),
  );
});
