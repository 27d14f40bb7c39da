import type { MetricData, ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { Description } from "./families.ts";
import type { Reading } from "./gauges.ts";
import type { Instruments } from "./instruments.ts";

type Sdk = typeof import("@opentelemetry/sdk-metrics");
type Instant = [number, number];
/** The serializer needs a resource though it prints none of it. */
export type Resource = ResourceMetrics["resource"];

/** Prometheus wants the unit spelled out at the end of a name; OpenTelemetry keeps it beside the name. */
const spelledUnits: ReadonlyMap<string, string> = new Map([
  ["s", "seconds"],
  ["By", "bytes"],
]);

function descriptor(description: Description): MetricData["descriptor"] {
  const unit = spelledUnits.get(description.unit) ?? "";
  return {
    name: unit === "" ? description.name : `${description.name}_${unit}`,
    description: description.help,
    unit: "",
    // 1 is ValueType.DOUBLE of @opentelemetry/api, which is no dependency of ours.
    valueType: 1,
  };
}

export interface Snapshot {
  readonly instruments: Instruments;
  readonly readings: readonly Reading[];
  /** Micro-dollars are what is counted, dollars what is shown. */
  readonly scale: (name: string, value: number) => number;
}

/** The counters in OpenTelemetry's own data model, so that any of its exporters can take them. */
export function toResourceMetrics(sdk: Sdk, resource: Resource, snapshot: Snapshot): ResourceMetrics {
  const instant: Instant = [0, 0];
  const base = { aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE };
  const point = <Value>(attributes: { readonly [name: string]: string }, value: Value) => ({
    startTime: instant,
    endTime: instant,
    attributes,
    value,
  });
  const metrics: MetricData[] = [];
  for (const family of Object.values(snapshot.instruments.counters)) {
    const { name } = family.description;
    metrics.push({
      ...base,
      descriptor: descriptor(family.description),
      dataPointType: sdk.DataPointType.SUM,
      isMonotonic: true,
      dataPoints: Array.from(family.series(), ({ labels, cell }) => point(labels, snapshot.scale(name, cell.total))),
    });
  }
  for (const family of Object.values(snapshot.instruments.histograms)) {
    metrics.push({
      ...base,
      descriptor: descriptor(family.description),
      dataPointType: sdk.DataPointType.HISTOGRAM,
      dataPoints: Array.from(family.series(), ({ labels, cell }) =>
        point(labels, {
          buckets: { boundaries: [...cell.boundaries], counts: [...cell.counts] },
          sum: cell.sum,
          count: cell.count,
        }),
      ),
    });
  }
  for (const { description, kind, values } of snapshot.readings) {
    const dataPoints = values.map(({ labels, value }) => point(labels, value));
    metrics.push(
      kind === "counter"
        ? {
            ...base,
            descriptor: descriptor(description),
            dataPointType: sdk.DataPointType.SUM,
            isMonotonic: true,
            dataPoints,
          }
        : {
            ...base,
            descriptor: descriptor(description),
            dataPointType: sdk.DataPointType.GAUGE,
            dataPoints,
          },
    );
  }
  // A metric without series would be a comment without figures.
  const scopeMetrics = [
    {
      scope: { name: "patchbay" },
      metrics: metrics.filter((metric) => metric.dataPoints.length > 0),
    },
  ];
  return { resource, scopeMetrics };
}

/** Turns snapshots into Prometheus text, by OpenTelemetry's serializer. */
export type Exposition = (snapshot: Snapshot) => string;

/**
 * Loads OpenTelemetry. Measured: 100 ms and 34 MB, all of it at once, which is why start-up does not wait for it.
 * No server of the exporter's own is started.
 */
export async function loadExposition(): Promise<Exposition> {
  const [sdk, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import("@opentelemetry/sdk-metrics"),
    import("@opentelemetry/exporter-prometheus"),
  ]);
  const reader = new PrometheusExporter({ preventServerStart: true });
  const provider = new sdk.MeterProvider({ readers: [reader] });
  const { resource } = (await reader.collect()).resourceMetrics;
  await provider.shutdown();
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  return (snapshot) => serializer.serialize(toResourceMetrics(sdk, resource, snapshot));
}
