import type { TelemetrySettings } from '#libs/platform';
import type { Advice } from './advice.js';

/** The service adds it to the endpoint. */
const SIGNAL_PATH = /\/v1\/(traces|metrics|logs)\/?$/;
/** Registered for OTLP over gRPC; over HTTP it is 4318. */
const GRPC_PORT = '4317';

export function adviceOnTelemetry(settings: TelemetrySettings): Advice[] {
  return [
    ...settings.unusable.map(({ variable, problem }) => ({
      ...{ code: 'telemetry-setting-unusable' as const, variable },
      problem: `${problem}, so that no telemetry is sent`,
      fix: 'correct it or leave it out, or set OTEL_SDK_DISABLED=true',
    })),
    ...adviceOnAddresses(settings),
    ...adviceOnSampling(settings),
  ];
}

function adviceOnSampling({ tracesUrl, sampler, sampledShare }: TelemetrySettings): Advice[] {
  if (tracesUrl === undefined) return [];
  const isByShare = sampler.endsWith('traceidratio');
  if (isByShare === sampledShare < 1) return [];
  return [
    {
      code: 'telemetry-sampling-wrong',
      variable: 'OTEL_TRACES_SAMPLER_ARG',
      problem: isByShare
        ? `is 1 or not set, so that the sampler ${sampler} traces every request`
        : `has no effect with the sampler ${sampler}`,
      fix: isByShare
        ? 'set the share of the requests to trace, such as 0.1'
        : 'set OTEL_TRACES_SAMPLER=parentbased_traceidratio, or leave out the argument',
    },
  ];
}

function adviceOnAddresses(settings: TelemetrySettings): Advice[] {
  const { baseUrl, tracesUrl, metricsUrl } = settings;
  const variable = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  const isUsed = [tracesUrl, metricsUrl].some(
    (url) => baseUrl !== undefined && url?.startsWith(baseUrl),
  );
  const base = isUsed ? baseUrl : undefined;
  const [path] = SIGNAL_PATH.exec(base ?? '') ?? [];
  if (path !== undefined)
    return [
      {
        code: 'telemetry-endpoint-wrong',
        variable,
        problem: `ends with ${path}, to which the service adds /v1/traces and /v1/metrics`,
        fix: `leave out ${path}`,
      },
    ];
  const ofGrpc = (
    [
      [variable, base],
      ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', tracesUrl],
      ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', metricsUrl],
    ] as const
  ).find(([, url]) => URL.parse(url ?? '')?.port === GRPC_PORT);
  if (ofGrpc === undefined) return [];
  return [
    {
      code: 'telemetry-endpoint-wrong',
      variable: ofGrpc[0],
      problem: `has the port ${GRPC_PORT} of OTLP over gRPC, and the service sends OTLP over HTTP`,
      fix: 'name the port of OTLP over HTTP, which is 4318 unless the collector has another',
    },
  ];
}
