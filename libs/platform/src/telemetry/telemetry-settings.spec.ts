import { describe, expect, it } from 'vitest';
import { checkEnvironment, InvalidSettings, readSettings } from '../config/settings.js';
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
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4317'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'https://user:hidden@collector'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'hidden'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote'],
    ['OTEL_TRACES_SAMPLER_ARG', '10%'],
    ['OTEL_RESOURCE_ATTRIBUTES', 'a=%zz'],
  ])('refuse %s=%s, without repeating the value', (name, value) => {
    expect(() => settings({ [name]: value })).toThrow(InvalidSettings);
    const [fault] = checkEnvironment([telemetrySettings], { [name]: value }).faults;
    expect(fault?.variable).toBe(name);
    expect(JSON.stringify(fault)).not.toContain('hidden');
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
