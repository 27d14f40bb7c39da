import assert from "node:assert/strict";
import { documentFor, startHouse } from "./support/house.ts";
import { redisTest, startRedis } from "./support/redis-server.ts";
import { startUpstream } from "./support/upstream.ts";

const path = "/v1/chat/completions";
const chat = { model: "m", messages: [{ role: "user", content: "hi" }] };

redisTest("two gateways over one Redis let exactly the limit through", async () => {
  await using redis = await startRedis();
  await using upstream = await startUpstream();
  const document = {
    ...documentFor({ up: upstream.url }),
    server: { limits: { concurrent: 2000 } },
    state: redis.url,
    models: [{ name: "m", targets: [{ endpoint: "up", model: "actual" }], limits: { requestsPerMinute: 100 } }],
  };
  await using first = await startHouse({ document });
  await using second = await startHouse({ document });
  const t = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 1000 }, async (_, index) => {
      const answer = await (index % 2 === 0 ? first : second).post(path, chat);
      await answer.text();
      return answer.status;
    }),
  );
  console.log(performance.now() - t);
  for (const house of [first, second])
    console.log(
      (await (await fetch(`${house.url}/metrics`)).text()).split("\n").filter((l) => /^patchbay_shared/.test(l)),
    );
  assert.equal(answers.filter((s) => s === 200).length, 100);
  assert.equal(upstream.count, 100);
});
