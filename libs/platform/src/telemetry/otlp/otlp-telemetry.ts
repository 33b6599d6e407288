import { randomUUID } from 'node:crypto';
import { context, type HrTime, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  JsonMetricsSerializer,
  JsonTraceSerializer,
  ProtobufMetricsSerializer,
  ProtobufTraceSerializer,
} from '@opentelemetry/otlp-transformer';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Registry } from 'prom-client';
import type { Logger } from '../../logging/logger.js';
import type { OutboundHttp } from '../../outbound/outbound-http.js';
import type { Clock } from '../../time/clock.js';
import { PeriodicTask } from '../../time/periodic-task.js';
import type { TelemetrySettings } from '../telemetry-settings.js';
import { detached, TELEMETRY_SCOPE } from '../traced.js';
import { ClientMetrics } from './client-metrics.js';
import { metricDataOf } from './metric-data.js';
import { OtlpSender, type OtlpTarget } from './otlp-sender.js';

export interface TelemetryDependencies {
  readonly registry: Registry;
  readonly outbound: OutboundHttp;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Delivers what is recorded so far and ends. Never rejects. */
export type StopTelemetry = () => Promise<void>;

/**
 * Starts to send telemetry. The only file that loads OpenTelemetry's SDK: it is imported where telemetry is
 * configured.
 */
export function startTelemetry(
  settings: TelemetrySettings,
  dependencies: TelemetryDependencies,
): StopTelemetry {
  const resource = defaultResource().merge(
    resourceFromAttributes({
      'service.instance.id': randomUUID(),
      ...settings.resourceAttributes,
      'service.name': settings.serviceName,
    }),
  );
  const stops: StopTelemetry[] = [];
  const { tracesUrl, metricsUrl } = settings;
  if (tracesUrl !== undefined) stops.push(sendTraces(tracesUrl, resource, settings, dependencies));
  if (metricsUrl !== undefined)
    stops.push(sendMetrics(metricsUrl, resource, settings, dependencies));
  return async () => {
    await Promise.allSettled(stops.map(async (stop) => stop()));
  };
}

function sendTraces(
  url: string,
  resource: Resource,
  settings: TelemetrySettings,
  dependencies: TelemetryDependencies,
): StopTelemetry {
  const serializer =
    settings.protocol === 'http/json' ? JsonTraceSerializer : ProtobufTraceSerializer;
  const rejectedIn = (answer: Uint8Array): number | undefined =>
    serializer.deserializeResponse(answer).partialSuccess?.rejectedSpans;
  const sender = senderOf({ signal: 'traces', url, rejectedIn }, settings, dependencies);
  const exporter: SpanExporter = {
    export: (spans, done) => {
      const content = serializer.serializeRequest(spans) ?? new Uint8Array();
      // The timer of a batch is started in the trace of one of its requests.
      void detached(async () => sender.send(content)).then((isDelivered) => {
        done({ code: isDelivered ? 0 : 1 }); // success or failure; the sender has logged it
      });
    },
    shutdown: async () => Promise.resolve(),
  };
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(settings),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const manager = new AsyncLocalStorageContextManager();
  // A host that embeds the service may have its own: then its provider gets the spans.
  if (!context.setGlobalContextManager(manager) || !trace.setGlobalTracerProvider(provider)) {
    dependencies.logger.warn({}, 'the host has telemetry of its own: traces go there');
    return async () => Promise.resolve();
  }
  return async () => {
    trace.disable();
    context.disable();
    sender.end();
    await provider.shutdown();
  };
}

function sendMetrics(
  url: string,
  resource: Resource,
  settings: TelemetrySettings,
  dependencies: TelemetryDependencies,
): StopTelemetry {
  const { registry, clock, logger } = dependencies;
  const serializer =
    settings.protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer;
  const rejectedIn = (answer: Uint8Array): number | undefined =>
    serializer.deserializeResponse(answer).partialSuccess?.rejectedDataPoints;
  const sender = senderOf({ signal: 'metrics', url, rejectedIn }, settings, dependencies);
  const startTime = hrTimeOf(clock.now());
  const collectors = [url, settings.tracesUrl ?? url].map((address) => new URL(address).origin);
  const clients = new ClientMetrics(collectors);
  const send = async (): Promise<void> => {
    const period = { startTime, endTime: hrTimeOf(clock.now()) };
    const own = await metricDataOf(registry, period);
    const metrics = [...own, ...(await metricDataOf(clients.registry, period))];
    const scopeMetrics = [{ scope: { name: TELEMETRY_SCOPE }, metrics }];
    await sender.send(serializer.serializeRequest({ resource, scopeMetrics }) ?? new Uint8Array());
  };
  const task = new PeriodicTask({
    name: 'metrics to the collector',
    run: send,
    intervalMs: settings.metricsIntervalMs,
    ...{ clock, logger },
  });
  task.start();
  return async () => {
    sender.end();
    await task.stop();
    clients.stop();
    await send();
  };
}

function senderOf(
  target: Pick<OtlpTarget, 'signal' | 'url' | 'rejectedIn'>,
  { headers, protocol, isCompressed, timeoutMs }: TelemetrySettings,
  { outbound, clock, logger }: TelemetryDependencies,
): OtlpSender {
  const contentType = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf';
  const dispatcher = outbound.dispatcher({ timeoutMs, connections: 1 });
  return new OtlpSender(
    { ...target, headers, contentType, isCompressed, timeoutMs },
    { dispatcher, clock, logger },
  );
}

function samplerOf({ sampler, sampledShare }: TelemetrySettings): Sampler {
  const root = rootSamplerOf(sampler.replace('parentbased_', ''), sampledShare);
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}

function rootSamplerOf(name: string, share: number): Sampler {
  if (name === 'always_off') return new AlwaysOffSampler();
  return name === 'traceidratio' ? new TraceIdRatioBasedSampler(share) : new AlwaysOnSampler();
}

function hrTimeOf(ms: number): HrTime {
  return [Math.trunc(ms / 1000), Math.round((ms % 1000) * 1e6)];
}
