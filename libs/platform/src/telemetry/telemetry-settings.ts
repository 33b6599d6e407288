import { z } from 'zod';
import { boolean, integer } from '../config/setting-fields.js';
import {
  ADVANCED,
  defineSettings,
  SHARED,
  type SettingsFault,
  type SettingsOf,
} from '../config/settings.js';

/** Other programs read these variables too, and have more of them: none is taken for a misspelled one. */
const STANDARD = { ...ADVANCED, ...SHARED };

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

const endpoint = z.string().refine(isCollectorAddress, {
  error: 'must be an http or https address without credentials, query and fragment',
});
const exporter = inAnyCase(z.enum(['otlp', 'none'], { error: 'must be otlp or none' }));

const DEFAULT_NAME = 'acs-identity';

/** The SDK of OpenTelemetry runs from this version on. */
const MIN_NODE = [22, 15] as const;

const fields = z
  .object({
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint
      .optional()
      .describe(
        'address of an OpenTelemetry collector, such as http://localhost:4318: traces and metrics are sent to it; default: no telemetry',
      )
      .meta(SHARED),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint
      .optional()
      .describe('address for traces, complete; default: the endpoint with /v1/traces')
      .meta(STANDARD),
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint
      .optional()
      .describe('address for metrics, complete; default: the endpoint with /v1/metrics')
      .meta(STANDARD),
    OTEL_EXPORTER_OTLP_HEADERS: pairs('must be name=value, comma-separated, percent-encoded')
      .optional()
      .describe('headers for the collector, name=value, comma-separated; may hold a secret')
      .meta(STANDARD),
    OTEL_EXPORTER_OTLP_PROTOCOL: inAnyCase(
      z.enum(['http/protobuf', 'http/json'], {
        error: 'must be http/protobuf or http/json; gRPC is not supported',
      }),
    )
      .default('http/protobuf')
      .describe('http/protobuf or http/json')
      .meta(STANDARD),
    OTEL_EXPORTER_OTLP_COMPRESSION: inAnyCase(
      z.enum(['gzip', 'none'], { error: 'must be gzip or none' }),
    )
      .default('none')
      .describe('gzip or none')
      .meta(STANDARD),
    OTEL_EXPORTER_OTLP_TIMEOUT: integer(100, 60_000)
      .prefault('10000')
      .describe('milliseconds for one delivery with its repetitions, 100 to 60000')
      .meta(STANDARD),
    OTEL_TRACES_EXPORTER: exporter.default('otlp').describe('otlp or none').meta(STANDARD),
    OTEL_METRICS_EXPORTER: exporter.default('otlp').describe('otlp or none').meta(STANDARD),
    OTEL_METRIC_EXPORT_INTERVAL: integer(1_000, 3_600_000)
      .prefault('60000')
      .describe('milliseconds between two deliveries of metrics, 1000 to 3600000')
      .meta(STANDARD),
    OTEL_TRACES_SAMPLER: inAnyCase(
      z.enum(SAMPLERS, { error: `must be one of ${SAMPLERS.join(', ')}` }),
    )
      .default('parentbased_always_on')
      .describe(
        `which requests are traced: ${SAMPLERS.join(', ')}; parentbased ones follow the caller's traceparent`,
      )
      .meta(STANDARD),
    OTEL_TRACES_SAMPLER_ARG: z
      .string()
      .regex(/^(0|1|0?\.\d{1,9}|1\.0+)$/, 'must be a number from 0 to 1')
      .transform(Number)
      .prefault('1')
      .describe('share of the requests that a traceidratio sampler traces, 0 to 1')
      .meta(STANDARD),
    OTEL_SERVICE_NAME: z
      .string()
      .regex(/^\P{Cc}{1,255}$/u, 'must have 1 to 255 characters, none of control')
      .optional()
      .describe(
        'service.name of all telemetry; default: that of OTEL_RESOURCE_ATTRIBUTES, or acs-identity',
      )
      .meta(STANDARD),
    OTEL_RESOURCE_ATTRIBUTES: pairs('must be key=value, comma-separated, percent-encoded')
      .optional()
      .describe('attributes of all telemetry, key=value, comma-separated')
      .meta(STANDARD),
    OTEL_SDK_DISABLED: inAnyCase(boolean())
      .prefault('false')
      .describe('true switches telemetry off, whatever else is set')
      .meta(STANDARD),
  })
  .refine((variables) => !hasTarget(variables) || isNodeNewEnough(process.versions.node), {
    error: `needs Node ${MIN_NODE.join('.')} or later`,
    path: ['OTEL_EXPORTER_OTLP_ENDPOINT'],
  });

/**
 * Whether and where telemetry is sent, by the standard variables of OpenTelemetry. They may be made for other
 * programs: with a value that the service can't use it starts, and sends nothing (OpenTelemetry specification,
 * "Environment Variable Specification": a value that is not known is ignored with a warning).
 */
export const telemetrySettings = defineSettings(
  'telemetry',
  fields,
  valuesOf,
  (unusable, environment) => ({
    ...valuesOf(fields.parse({}, { jitless: true })),
    unusable: wouldBeSent(environment) ? unusable : [],
  }),
);

export type TelemetrySettings = SettingsOf<typeof telemetrySettings>;

function valuesOf(variables: z.output<typeof fields>) {
  const { OTEL_SDK_DISABLED: isDisabled, OTEL_EXPORTER_OTLP_ENDPOINT: base } = variables;
  const attributes = variables.OTEL_RESOURCE_ATTRIBUTES ?? {};
  const { 'service.name': nameInAttributes = '' } = attributes;
  const address = (own: string | undefined, path: string): string | undefined =>
    isDisabled ? undefined : (own ?? (base && `${base.replace(/\/$/, '')}${path}`));
  return {
    /** As configured; the signals have addresses below it, or of their own. */
    baseUrl: isDisabled ? undefined : base,
    tracesUrl:
      variables.OTEL_TRACES_EXPORTER === 'otlp'
        ? address(variables.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, '/v1/traces')
        : undefined,
    metricsUrl:
      variables.OTEL_METRICS_EXPORTER === 'otlp'
        ? address(variables.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, '/v1/metrics')
        : undefined,
    headers: variables.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    protocol: variables.OTEL_EXPORTER_OTLP_PROTOCOL,
    isCompressed: variables.OTEL_EXPORTER_OTLP_COMPRESSION === 'gzip',
    timeoutMs: variables.OTEL_EXPORTER_OTLP_TIMEOUT,
    metricsIntervalMs: variables.OTEL_METRIC_EXPORT_INTERVAL,
    sampler: variables.OTEL_TRACES_SAMPLER,
    sampledShare: variables.OTEL_TRACES_SAMPLER_ARG,
    serviceName:
      variables.OTEL_SERVICE_NAME ?? (nameInAttributes === '' ? DEFAULT_NAME : nameInAttributes),
    resourceAttributes: attributes,
    /** What keeps telemetry that the environment asks for from being sent. */
    unusable: [] as readonly SettingsFault[],
  };
}

/** Whether an environment that can't be read in full has an address to send to, and does not switch it off. */
function wouldBeSent(environment: Readonly<Record<string, string>>): boolean {
  const has = (name: string, value: string): boolean => environment[name]?.toLowerCase() === value;
  const isOff = ['OTEL_TRACES_EXPORTER', 'OTEL_METRICS_EXPORTER'].every((name) =>
    has(name, 'none'),
  );
  return hasTarget(environment) && !isOff && !has('OTEL_SDK_DISABLED', 'true');
}

/** As OpenTelemetry reads known values, and `true` and `false`. */
function inAnyCase<T>(field: z.ZodType<T, string>): z.ZodType<T, string> {
  return z.string().toLowerCase().pipe(field);
}

/** `name=value,name=value`, with percent-encoded values, as OpenTelemetry writes lists of pairs. */
function pairs(error: string): z.ZodType<Readonly<Record<string, string>>, string> {
  return z.string().transform((text, context) => {
    const entries = text
      .split(',')
      .filter((pair) => pair.trim() !== '')
      .map((pair) => /^\s*([^\s=]+)\s*=(.*)$/s.exec(pair));
    try {
      return Object.fromEntries(
        entries.map((entry) => {
          if (!entry) throw new URIError();
          const [, name = '', value = ''] = entry;
          return [decodeURIComponent(name), decodeURIComponent(value.trim())];
        }),
      );
    } catch {
      context.addIssue(error);
      return z.NEVER;
    }
  });
}

function isCollectorAddress(text: string): boolean {
  const url = URL.parse(text);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return false;
  return [url.username, url.password, url.search, url.hash].every((part) => part === '');
}

function hasTarget(variables: object): boolean {
  return Object.entries(variables).some(
    ([name, value]) =>
      /^OTEL_EXPORTER_OTLP_(TRACES_|METRICS_)?ENDPOINT$/.test(name) && value !== undefined,
  );
}

function isNodeNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
}
