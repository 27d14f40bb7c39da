import assert from "node:assert/strict";
import { test } from "node:test";
import { openaiChat } from "../codecs/openai-chat/index.ts";
import { Router } from "./router.ts";
import type { Route } from "./router.ts";

const under = (path: string): readonly string[] =>
  ["/v1", "", "/api/v1", "/api", "/openai/v1", "/v1/v1"].map((prefix) => prefix + path);

const route = (): Route => ({ access: "key", errors: openaiChat.ingress, handle: () => {} });
const chat = route();
const list = route();
const one = route();
const remove = route();
const generate = route();
const router = new Router()
  .add("POST", under("/chat/completions"), chat)
  .add("GET", under("/models"), list)
  .addPrefix("GET", under("/models/"), one)
  .add("DELETE", ["/v1/models"], remove)
  .addPrefix("POST", ["/v1/models/", "/v1beta/models/"], generate, ":generateContent");

/** Method, path, and the route, the methods that are allowed, or nothing. */
const cases: readonly (readonly [method: string, path: string, expected: Route | readonly string[] | undefined])[] = [
  ["POST", "/v1/chat/completions", chat],
  ["POST", "/v1/chat/completions/", chat],
  ["POST", "/v1/v1/chat/completions", chat],
  ["POST", "/openai/v1/chat/completions", chat],
  ["POST", "/chat/completions", chat],
  ["POST", "/api/chat/completions", chat],
  ["GET", "/v1/chat/completions", ["POST"]],
  ["post", "/v1/chat/completions", ["POST"]],
  ["GET", "/v1/models", list],
  ["GET", "/v1/models/", list],
  ["HEAD", "/v1/models", list],
  ["DELETE", "/v1/models", remove],
  ["PUT", "/v1/models", ["GET", "DELETE"]],
  ["GET", "/v1/models/a", one],
  ["GET", "/v1/models/vendor/a", one],
  ["GET", "/v1/models/vendor%2Fa", one],
  ["HEAD", "/models/a", one],
  ["POST", "/v1/models/a", ["GET"]],
  ["POST", "/v1/models/a:generateContent", generate],
  ["POST", "/v1beta/models/models/a%2Fb:generateContent", generate],
  ["GET", "/v1/models/a:generateContent", ["POST"]],
  ["GET", "/v1/models/a:8b", one],
  ["POST", "/v1beta/models/:generateContent", undefined],
  ["POST", "/v1beta/models/a:generateContentx", undefined],
  ["POST", "/v1beta/models/a:countTokens", undefined],
  ["POST", "/v1/chat/completions//", undefined],
  ["POST", "/v1//chat/completions", undefined],
  ["POST", "/V1/chat/completions", undefined],
  ["POST", "/v1/ch%61t/completions", undefined],
  ["POST", "/v1/chat/completions/x", undefined],
  ["POST", "", undefined],
  ["GET", "/", undefined],
  ["GET", "/__proto__", undefined],
  ["GET", "/v1/modelsx", undefined],
];

for (const [method, path, expected] of cases) {
  test(`${method} ${path === "" ? "(nothing)" : path}`, () => {
    const match = router.match(method, path);
    if (expected === undefined) assert.equal(match, undefined);
    else if (Array.isArray(expected)) assert.deepEqual(match, { allowed: expected });
    else assert.ok(match !== undefined && "route" in match && match.route === expected);
  });
}

test("the list names every route, also those that begin with a prefix", () => {
  const names = router.list().map(({ method, path }) => `${method} ${path}`);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes("POST /v1/chat/completions") && names.includes("GET /v1/models/{name}"));
  assert.equal(names.length, 6 + 6 + 6 + 1 + 2);
});

test("a match tells the name in the path as it came", () => {
  const names = ["/v1/models/vendor%2Fa/", "/v1beta/models/models/a:b:generateContent"].map((path) => {
    const match = router.match(path.startsWith("/v1beta") ? "POST" : "GET", path);
    return match !== undefined && "route" in match ? match.name : undefined;
  });
  assert.deepEqual(names, ["vendor%2Fa/", "models/a:b"]);
});
