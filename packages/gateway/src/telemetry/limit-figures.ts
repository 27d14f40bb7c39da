import type { Reading } from "./gauges.ts";

/** Limits as metrics see them. Names are the document's; keys are told only by their number. */
export interface WatchedLimits {
  readonly waiting: number;
  readonly held: number;
  readonly refusals: ReadonlyMap<string, { readonly scope: string; readonly limit: string; readonly count: number }>;
  readings(): Iterable<{
    readonly scope: string;
    readonly id: string;
    readonly limit: string;
    readonly used: number;
    readonly most: number;
  }>;
}

/** Most limits whose state is told; who has more of them looks at those that are refused. */
const mostShown = 500;

export function limitReadings(limits: WatchedLimits): readonly Reading[] {
  const used: { labels: { [name: string]: string }; value: number }[] = [];
  const most: typeof used = [];
  for (const { scope, id, limit, ...figures } of limits.readings()) {
    if (used.length >= mostShown) break;
    const labels = { scope, name: id, limit };
    used.push({ labels, value: figures.used });
    most.push({ labels, value: figures.most });
  }
  const refused = [...limits.refusals.values()].map(({ scope, limit, count }) => {
    return { labels: { scope, limit }, value: count };
  });
  const labels = ["scope", "name", "limit"];
  return [
    {
      kind: "counter",
      description: {
        name: "patchbay.limit.refusals",
        help: "How often a limit kept a request, or an attempt, from going on.",
        unit: "",
        labels: ["scope", "limit"],
      },
      values: refused,
    },
    {
      kind: "gauge",
      description: { name: "patchbay.limit.used", help: "What counts now towards a limit.", unit: "", labels },
      values: used,
    },
    {
      kind: "gauge",
      description: { name: "patchbay.limit.most", help: "The limit, with its headroom left out.", unit: "", labels },
      values: most,
    },
    {
      kind: "gauge",
      description: {
        name: "patchbay.limit.waiting",
        help: "Requests that wait for a place (concurrent).",
        unit: "",
        labels: [],
      },
      values: [{ labels: {}, value: limits.waiting }],
    },
    {
      kind: "gauge",
      description: {
        name: "patchbay.limit.held",
        help: "Places that are taken (concurrent).",
        unit: "",
        labels: [],
      },
      values: [{ labels: {}, value: limits.held }],
    },
  ];
}
