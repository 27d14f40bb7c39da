import * as z from "zod";
import { duration, whole } from "./fields.ts";
import { leaf } from "./leaf.ts";

const most = 1_000_000_000_000;

const share = (what: string) =>
  leaf({ type: "number", exclusiveMinimum: 0, maximum: 1, description: what }, (value, report) => {
    const number = typeof value === "string" && /^\d(\.\d{1,6})?$/.test(value.trim()) ? Number(value) : value;
    if (typeof number === "number" && number > 0 && number <= 1) return number;
    return report("must be a number above 0 and up to 1, such as 0.8");
  });

const usd = (what: string) =>
  leaf({ type: "number", exclusiveMinimum: 0, maximum: 1_000_000, description: what }, (value, report) => {
    const number = typeof value === "string" && /^\d{1,7}(\.\d{1,6})?$/.test(value.trim()) ? Number(value) : value;
    if (typeof number === "number" && number >= 0.000_001 && number <= 1_000_000) return number;
    return report("must be an amount of US dollars above 0, at most a million");
  });

const quota = {
  requestsPerMinute: whole(1, most, "Most requests in any minute.").optional(),
  tokensPerMinute: whole(1, most, "Most tokens in any minute, input and output together.").optional(),
  tokensPerDay: whole(1, most, "Most tokens in any 24 hours.").optional(),
  concurrent: whole(1, 1_000_000, "Most requests at a time; more of them wait.").optional(),
} as const;

/** What a client key is limited to. */
export const keyLimits = z
  .strictObject({
    ...quota,
    usdPerDay: usd("Most US dollars on a day, which begins at midnight UTC.").optional(),
    usdPerMonth: usd("Most US dollars in a month of the calendar, in UTC.").optional(),
    priority: whole(-100, 100, "Who waits with a greater one goes first; 0 unless told.").optional(),
  })
  .describe("What it may use.");

/** What an endpoint, one of its credentials or a virtual model is limited to. */
export const sharedLimits = (what: string) =>
  z
    .strictObject({
      ...quota,
      headroom: share("Part of the figures per minute and day that is used; 1 unless told.").optional(),
      queue: whole(0, 10_000, "Most requests that wait for one of `concurrent`; 100 unless told.").optional(),
      patience: duration("How long a request waits for one of `concurrent`, 10s unless told.").optional(),
    })
    .describe(what);

/** What one address may ask for. */
export const addressLimits = z
  .strictObject({
    window: duration("In how much time; any such time counts, not only whole minutes.", 1000).prefault("1m"),
    requests: whole(1, 1_000_000, "Most requests to routes that have no figure of their own here.").optional(),
    chat: whole(1, 1_000_000, "Most requests to models.").optional(),
    auth: whole(1, 1_000_000, "Most requests with a wrong key.").optional(),
    health: whole(1, 1_000_000, "Most questions for health.").optional(),
  })
  .describe("What one address may ask for in a time; an IPv6 address counts with its whole /64.");
