import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { problem } from '#libs/platform';
import { MemoryLogger } from '#libs/platform/testing';
import { HttpMetrics } from './http-metrics.js';

class NotForYou extends problem('not-for-you', 403, 'The rule allows nothing of it') {
  constructor(rule: string) {
    super({
      detail: 'Requested: petra@contoso.example',
      members: { allowed: [] },
      facts: { rule },
    });
  }
}

function start() {
  const [logger, registry] = [new MemoryLogger(), new Registry()];
  const metrics = new HttpMetrics(logger, registry);
  return {
    ...{ logger, registry, metrics },
    refuse(rule: string): void {
      const request = new IncomingMessage(new Socket());
      request.method = 'POST';
      const response = new ServerResponse(request);
      metrics.measure(request, response, { requestId: 'order-4711', traceId: undefined });
      metrics.setRoute(request, '/v1/things');
      metrics.setRefusal(request, new NotForYou(rule));
      response.statusCode = 403;
      response.emit('close');
    },
  };
}

describe('HttpMetrics', () => {
  it('says at info why a request was refused and which rule decided, and nothing that was sent', () => {
    const { logger, refuse } = start();
    refuse('guests');
    const [line] = logger.lines;
    expect(line).toMatchObject({
      level: 'info',
      message: 'request answered',
      fields: { requestId: 'order-4711', status: 403, route: '/v1/things' },
    });
    expect(line?.fields).toMatchObject({
      problem: { code: 'not-for-you', title: 'The rule allows nothing of it', rule: 'guests' },
    });
    expect(JSON.stringify(line)).not.toContain('petra');
  });

  it('bounds the lines of refused strangers by time, and counts the others by code', async () => {
    const { logger, registry, metrics, refuse } = start();
    for (let n = 0; n < 1_000; n += 1) refuse(`rule ${n}`);
    metrics.beforeApplicationShutdown();
    const answered = logger.lines.filter(({ message }) => message === 'request answered');
    const counted = logger.lines.filter(({ message }) => message === 'requests answered');
    expect(answered).toHaveLength(100);
    expect(counted).toMatchObject([
      { level: 'info', fields: { code: 'not-for-you', status: 403, count: 900 } },
    ]);
    expect(await registry.metrics()).toContain('problem_responses_total{code="not-for-you"} 1000');
  });
});
