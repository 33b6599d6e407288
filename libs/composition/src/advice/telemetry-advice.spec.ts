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

  it.each<Record<string, string>>([
    {},
    { [BASE]: 'http://collector:4318' },
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
