import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { Hmac } from "./hmac.ts";

test("the digest is that of node:crypto, for any key and text, in any order of use", () => {
  const key = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  const texts = fc.array(fc.string({ unit: "binary", maxLength: 500 }), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(key, texts, (secret, messages) => {
      const hmac = new Hmac(secret);
      for (const message of messages) {
        assert.deepEqual(hmac.digest(message), createHmac("sha256", secret).update(message).digest());
      }
    }),
  );
});

test("the longest text of the widest characters is hashed whole", () => {
  const secret = Buffer.alloc(32, 7);
  const message = "模".repeat(1_024);
  assert.deepEqual(new Hmac(secret).digest(message), createHmac("sha256", secret).update(message).digest());
});

test("longer keys and texts are refused", () => {
  assert.throws(() => new Hmac(Buffer.alloc(65)), RangeError);
  assert.throws(() => new Hmac(Buffer.alloc(32)).digest("a".repeat(1_025)), RangeError);
});
