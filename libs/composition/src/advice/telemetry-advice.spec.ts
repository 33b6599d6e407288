import { describe, expect, it } from 'vitest';
import { readSettings, telemetrySettings, type TelemetrySettings } from '#libs/platform';
import { adviceOnTelemetry } from './telemetry-advice.js';

const BASE = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const TRACES = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';

function adviceOn(environment: Record<string, string>): string[] {
  const settings = readSettings([telemetrySettings], environment).get(telemetrySettings.key);
  return adviceOnTelemetry(settings as TelemetrySettings) // read by its own schema
    .map(({ variable, problem }) => `${variable} ${problem}`);
}

describe('advice on telemetry', () => {
  it.each([
    'http://collector:4318/v1/traces',
    'https://c.test/v1/metrics/',
    'https://c.test/v1/logs',
  ])('names the base address %s, below which no collector listens', (url) => {
    expect(adviceOn({ [BASE]: url })).toEqual([expect.stringContaining(`${BASE} ends with /v1/`)]);
  });

  it('names the port of OTLP over gRPC, of the variable that has it', () => {
    expect(adviceOn({ [BASE]: 'http://collector:4317' })).toEqual([
      expect.stringContaining(`${BASE} has the port 4317`),
    ]);
    expect(adviceOn({ [TRACES]: 'http://collector:4317/v1/traces' })).toEqual([
      expect.stringContaining(`${TRACES} has the port 4317`),
    ]);
  });

  it.each([
    [{ OTEL_TRACES_SAMPLER_ARG: '0.1' }, 'has no effect with the sampler parentbased_always_on'],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio' }, 'traces every request'],
  ])('names a share and a sampler that do not fit: %o', (environment, problem) => {
    expect(adviceOn({ [BASE]: 'http://collector:4318', ...environment })).toEqual([
      expect.stringContaining(problem),
    ]);
  });

  it.each<Record<string, string>>([
    {},
    { [BASE]: 'http://collector:4318' },
    {
      [BASE]: 'http://collector:4318',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
    },
    { OTEL_TRACES_SAMPLER_ARG: '0.1' },
    { [BASE]: 'https://collector.test/tenants/one/' },
    { [TRACES]: 'http://collector:4318/v1/traces' },
    { [BASE]: 'http://collector:4317/v1/traces', OTEL_SDK_DISABLED: 'true' },
    {
      [BASE]: 'http://collector:4317',
      [TRACES]: 'http://collector:4318/v1/traces',
      OTEL_METRICS_EXPORTER: 'none',
    },
  ])('finds nothing in %o', (environment) => {
    expect(adviceOn(environment)).toEqual([]);
  });
});
