import assert from "node:assert/strict";
import { test } from "node:test";
import { corsHeaders } from "./cors.ts";

test("only a configured origin gets headers, its own name in them and never a star", () => {
  assert.deepEqual(corsHeaders("https://a.example", []), []);
  assert.deepEqual(corsHeaders("https://a.example", ["https://b.example", "https://a.example.evil"]), []);
  for (const allowed of [["https://a.example"], ["*"]]) {
    const headers = corsHeaders("https://a.example", allowed);
    assert.equal(headers[headers.indexOf("access-control-allow-origin") + 1], "https://a.example");
    assert.equal(headers[headers.indexOf("vary") + 1], "origin");
    assert.equal(headers.includes("access-control-allow-credentials"), false);
  }
});
