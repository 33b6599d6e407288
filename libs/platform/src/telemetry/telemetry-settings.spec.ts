import { describe, expect, it } from 'vitest';
import { checkEnvironment, readSettings } from '../config/settings.js';
import { telemetrySettings, type TelemetrySettings } from './telemetry-settings.js';

function settings(environment: Record<string, string>): TelemetrySettings {
  const values = readSettings([telemetrySettings], environment);
  return values.get(telemetrySettings.key) as TelemetrySettings; // read by its own schema
}

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' };

describe('the settings of telemetry', () => {
  it('send nothing by default', () => {
    expect(settings({})).toMatchObject({ tracesUrl: undefined, metricsUrl: undefined });
  });

  it('send both signals to the paths below the endpoint, or to their own addresses', () => {
    expect(settings(endpoint)).toMatchObject({
      tracesUrl: 'http://collector:4318/v1/traces',
      metricsUrl: 'http://collector:4318/v1/metrics',
      protocol: 'http/protobuf',
      serviceName: 'acs-identity',
      sampler: 'parentbased_always_on',
    });
    const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.example/in' };
    expect(settings(own)).toMatchObject({
      tracesUrl: 'https://traces.example/in',
      metricsUrl: undefined,
    });
  });

  it('switch off one signal, or all', () => {
    expect(settings({ ...endpoint, OTEL_METRICS_EXPORTER: 'none' })).toMatchObject({
      tracesUrl: 'http://collector:4318/v1/traces',
      metricsUrl: undefined,
    });
    expect(settings({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toMatchObject({
      tracesUrl: undefined,
      metricsUrl: undefined,
    });
  });

  it('decode lists of pairs', () => {
    const read = settings({
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=production, team=a%2Cb',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Basic%20YWJj',
    });
    expect(read.resourceAttributes).toEqual({
      'deployment.environment.name': 'production',
      team: 'a,b',
    });
    expect(read.headers).toEqual({ authorization: 'Basic YWJj' });
  });

  it.each([
    [{}, 'acs-identity'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=bank,a=b' }, 'bank'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=' }, 'acs-identity'],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'service.name=bank', OTEL_SERVICE_NAME: 'own' }, 'own'],
  ])('name the service by %o as %s', (environment, name) => {
    expect(settings(environment).serviceName).toBe(name);
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://user:hidden@collector'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'collector'],
    ['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT', 'collector'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'hidden'],
    ['OTEL_EXPORTER_OTLP_HEADERS', '"x-key=hidden"'],
    ['OTEL_TRACES_EXPORTER', 'console,otlp'],
    ['OTEL_METRICS_EXPORTER', 'prometheus'],
    ['OTEL_METRIC_EXPORT_INTERVAL', '1'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['OTEL_TRACES_SAMPLER_ARG', '10%'],
    ['OTEL_SERVICE_NAME', 'x'.repeat(256)],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
    ['OTEL_SDK_DISABLED', '0'],
  ])('ignore %s=%s, name it without its value, and send nothing', (name, value) => {
    const check = checkEnvironment([telemetrySettings], { ...endpoint, [name]: value });
    expect(check.faults).toEqual([]);
    expect(check.variables).not.toHaveProperty(name);
    const read = check.values.get(telemetrySettings.key) as TelemetrySettings; // by its own schema
    expect(read).toMatchObject({ tracesUrl: undefined, metricsUrl: undefined });
    expect(read.unusable.map(({ variable }) => variable)).toEqual([name]);
    expect(JSON.stringify(read)).not.toContain('hidden');
  });

  it.each<Record<string, string>>([
    { IDENTITY_ENDPOINT: 'http://localhost:42356/msi/token' },
    { ...endpoint, OTEL_SDK_DISABLED: 'True' },
    { ...endpoint, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'None' },
  ])('name nothing where nothing would be sent anyway: %o', (environment) => {
    const injected = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'xray' };
    expect(settings({ ...environment, ...injected })).toMatchObject({
      ...{ tracesUrl: undefined, metricsUrl: undefined, unusable: [] },
    });
  });

  it('read names of values in any case', () => {
    const read = settings({
      ...{ ...endpoint, OTEL_TRACES_EXPORTER: 'None', OTEL_TRACES_SAMPLER: 'ALWAYS_ON' },
      ...{ OTEL_EXPORTER_OTLP_PROTOCOL: 'HTTP/JSON', OTEL_EXPORTER_OTLP_COMPRESSION: 'Gzip' },
    });
    expect(read).toMatchObject({
      ...{ tracesUrl: undefined, metricsUrl: 'http://collector:4318/v1/metrics', unusable: [] },
      ...{ protocol: 'http/json', isCompressed: true, sampler: 'always_on' },
    });
  });

  it('take no variable of OpenTelemetry for a misspelled one', () => {
    const others = {
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: 'x',
      OTEL_BSP_SCHEDULE_DELAY: '1',
      OTEL_TRACES_SAMPLERS: 'x',
      OTEL_SERVICE_NAMES: 'x',
    };
    expect(checkEnvironment([telemetrySettings], others).faults).toEqual([]);
  });
});
