import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import type { MetricObjectWithValues, MetricValue, Registry } from 'prom-client';
import { conventionOf } from './metric-conventions.js';

type Labels = MetricValue<string>['labels'];

/** A value of prom-client with the name of its series, which its types omit. */
type SeriesValue = MetricValue<string> & { readonly metricName?: string };

interface Period {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

/**
 * The metrics of the registry as OpenTelemetry's, with the names of the semantic conventions where there
 * are some. The process measures once: Prometheus and OTLP have the same values.
 */
export async function metricDataOf(registry: Registry, period: Period): Promise<MetricData[]> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics
    .flatMap((metric) => toMetricData(metric as Metric, period) ?? [])
    .filter(({ dataPoints }) => dataPoints.length > 0);
}

type Metric = MetricObjectWithValues<SeriesValue> & { readonly type: unknown };

function toMetricData(metric: Metric, period: Period): MetricData | undefined {
  const { name, unit, labels } = conventionOf(metric.name);
  const base = {
    descriptor: { name, description: metric.help, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const attributesOf = (own: Labels): Attributes =>
    Object.fromEntries(
      Object.entries(own).flatMap(([label, value]) =>
        value === undefined ? [] : [[labels[label] ?? label, value]],
      ),
    );
  const points = (): DataPoint<number>[] =>
    metric.values.map(({ labels: own, value }) => ({
      ...period,
      attributes: attributesOf(own),
      value,
    }));
  switch (String(metric.type)) {
    case 'counter':
      return {
        ...base,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: points(),
      };
    case 'gauge':
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: points() };
    case 'histogram':
      return {
        ...base,
        dataPointType: DataPointType.HISTOGRAM,
        dataPoints: histogramsOf(metric).map(({ labels: own, value }) => ({
          ...period,
          attributes: attributesOf(own),
          value,
        })),
      };
    default:
      return undefined;
  }
}

/** The series of each set of labels, whose buckets Prometheus counts cumulatively. */
function histogramsOf({ name, values }: Metric): { labels: Labels; value: Histogram }[] {
  const found = new Map<string, { labels: Labels; value: Histogram; below: number }>();
  for (const { labels, metricName, value } of values) {
    const { le, ...own } = labels;
    const key = JSON.stringify(own);
    const one = found.get(key) ?? {
      labels: own,
      value: { buckets: { boundaries: [], counts: [] }, count: 0, sum: 0 },
      below: 0,
    };
    found.set(key, one);
    const { buckets } = one.value;
    if (metricName === `${name}_sum`) one.value.sum = value;
    else if (metricName === `${name}_count`) one.value.count = value;
    else {
      if (le !== '+Inf') buckets.boundaries.push(Number(le));
      buckets.counts.push(value - one.below);
      one.below = value;
    }
  }
  return [...found.values()];
}
