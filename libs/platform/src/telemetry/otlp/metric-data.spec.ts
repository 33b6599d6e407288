import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { metricDataOf } from './metric-data.js';

const period = { startTime: [1, 0], endTime: [2, 0] } satisfies Record<string, [number, number]>;

describe('metricDataOf', () => {
  it('converts buckets, which Prometheus counts cumulatively, and takes the names of the conventions', async () => {
    const registry = new Registry();
    const durations = new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.1, 1],
      registers: [registry],
    });
    for (const seconds of [0.05, 0.5, 0.6, 7])
      durations.observe({ method: 'POST', route: '/v1/me/tokens', status: 200 }, seconds);
    durations.observe({ method: 'GET', route: '/v1/me', status: 404 }, 0.01);
    const [data] = await metricDataOf(registry, period);
    expect(data?.descriptor).toMatchObject({ name: 'http.server.request.duration', unit: 's' });
    expect(data?.dataPoints.map(({ attributes, value }) => [attributes, value])).toEqual([
      [
        {
          'http.request.method': 'POST',
          'http.route': '/v1/me/tokens',
          'http.response.status_code': 200,
        },
        { buckets: { boundaries: [0.1, 1], counts: [1, 2, 1] }, count: 4, sum: 8.15 },
      ],
      [
        {
          'http.request.method': 'GET',
          'http.route': '/v1/me',
          'http.response.status_code': 404,
        },
        { buckets: { boundaries: [0.1, 1], counts: [1, 0, 0] }, count: 1, sum: 0.01 },
      ],
    ]);
  });

  it('keeps the names of what has no convention', async () => {
    const registry = new Registry();
    const registers = [registry];
    new Counter({ name: 'a_total', help: 'A.', labelNames: ['kind'], registers }).inc(
      { kind: 'x' },
      3,
    );
    new Gauge({ name: 'b_seconds', help: 'B.', registers }).set(2);
    const [counter, gauge] = await metricDataOf(registry, period);
    expect(counter).toMatchObject({
      descriptor: { name: 'a_total', description: 'A.' },
      isMonotonic: true,
      dataPoints: [{ ...period, attributes: { kind: 'x' }, value: 3 }],
    });
    expect(gauge).toMatchObject({
      descriptor: { name: 'b_seconds', unit: 's' },
      dataPoints: [{ attributes: {}, value: 2 }],
    });
  });
});
