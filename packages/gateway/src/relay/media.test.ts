import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../kernel/failure.ts";
import type { FetchedMedia, MediaFetcher } from "../kernel/media.ts";
import type { GenerationRequest, Part } from "../kernel/request.ts";
import { Lessons } from "./lessons.ts";
import { fetchImages, imageUrls, withImages } from "./media.ts";
import { Unserved } from "./unserved.ts";

const image = (url: string): Part => ({ type: "image", source: { kind: "url", url }, detail: "low" });
const request = (...parts: readonly Part[]): GenerationRequest => ({
  operation: "generate",
  model: "m",
  messages: [{ role: "user", parts }],
  tools: [],
  sampling: {},
  stream: false,
});
const media = (base64: string): FetchedMedia => ({ mediaType: "image/png", base64 });
const { signal } = new AbortController();

test("images are found in results of tools too, each once, and nothing else is", () => {
  const found = imageUrls(
    request(
      image("https://a.test/1"),
      image("https://a.test/1"),
      image("HTTP://a.test/2"),
      image("data:image/png;base64,AA=="),
      image("gs://bucket/3"),
      { type: "image", source: { kind: "reference", id: "file-4" } },
      { type: "file", source: { kind: "url", url: "https://a.test/5" } },
      { type: "tool-result", id: "x", content: [image("https://a.test/6")] },
      image("https://a.test/7"),
    ),
    new Map([["https://a.test/7", media("AA==")]]),
  );
  assert.deepEqual(found, ["https://a.test/1", "HTTP://a.test/2", "https://a.test/6"]);
});

test("bytes take the place of URLs, and all else stays", () => {
  const before = request(
    image("https://a.test/1"),
    image("https://a.test/2"),
    { type: "text", text: "https://a.test/1" },
    { type: "tool-result", id: "x", content: [image("https://a.test/1")] },
  );
  const data = { type: "image", source: { kind: "data", ...media("AA==") }, detail: "low" } as const;
  const after = withImages(before, new Map([["https://a.test/1", media("AA==")]]));
  assert.deepEqual(
    after,
    request(
      data,
      image("https://a.test/2"),
      { type: "text", text: "https://a.test/1" },
      { type: "tool-result", id: "x", content: [data] },
    ),
  );
  assert.equal(withImages(before, new Map()), before);
});

/** Fetches only when told. */
function slow(size = 4) {
  const asked: string[] = [];
  let most = 0;
  let open = 0;
  const fetcher: MediaFetcher = {
    get: async (url) => {
      asked.push(url);
      most = Math.max(most, ++open);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      if (url.endsWith("bad")) return { ok: false, failure: failure("bad-request", "no") };
      return { ok: true, value: media("A".repeat(size)) };
    },
  };
  return { fetcher, asked, most: () => most };
}

test("all are fetched, a few at a time", async () => {
  const { fetcher, most } = slow();
  const urls = Array.from({ length: 32 }, (_, index) => `https://a.test/${index}`);
  const answer = await fetchImages(urls, fetcher, signal);
  assert.deepEqual(answer.ok && [...answer.value.keys()].toSorted(), urls.toSorted());
  assert.equal(most(), 4);
});

test("the first that cannot be had ends it", async () => {
  const { fetcher, asked } = slow();
  const urls = ["https://a.test/bad", ...Array.from({ length: 20 }, (_, index) => `https://a.test/${index}`)];
  const answer = await fetchImages(urls, fetcher, signal);
  assert.equal(answer.ok ? undefined : answer.failure.message, "no");
  assert.ok(asked.length <= 4, String(asked.length));
});

test("too many are not begun with", async () => {
  const { fetcher, asked } = slow();
  const urls = Array.from({ length: 33 }, (_, index) => `https://a.test/${index}`);
  const answer = await fetchImages(urls, fetcher, signal);
  assert.match(answer.ok ? "" : answer.failure.message, /more than 32/);
  assert.deepEqual(asked, []);
});

test("too large ones, all together, end it", async () => {
  const { fetcher, asked } = slow(20_000_000);
  const urls = Array.from({ length: 30 }, (_, index) => `https://a.test/${index}`);
  const answer = await fetchImages(urls, fetcher, signal);
  assert.match(answer.ok ? "" : answer.failure.message, /more than 67108864 bytes/);
  assert.ok(asked.length <= 8, String(asked.length));
});

test("when an exchange is over all fetches of its images end, of several targets too", async () => {
  const signals: AbortSignal[] = [];
  const fetcher: MediaFetcher = {
    get: async (_url, each) => {
      signals.push(each);
      return { ok: true, value: media("AAAA") };
    },
  };
  const lessons = new Lessons({ media: fetcher, unserved: new Unserved({ monotonic: () => 0 }) });
  const fetches = ["https://a.test/1", "https://a.test/2"].map((url) => lessons.fetchMedia([url]));
  assert.equal(lessons.fetches, 2);
  lessons.over();
  await Promise.all(fetches);
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, true],
  );
  assert.equal(lessons.fetches, 0);
});
