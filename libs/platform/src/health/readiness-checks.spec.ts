import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { problem } from '../errors/problem.js';
import { MemoryLogger } from '../testing/memory-logger.js';
import { type ReadinessAnswer, ReadinessChecks } from './readiness-checks.js';

class ThingMissing extends problem('thing-missing', 503, 'The thing is missing') {
  readonly secretName = 'acs';
}

function open() {
  const [logger, registry] = [new MemoryLogger(), new Registry()];
  const checks = new ReadinessChecks(logger, registry);
  let answer: ReadinessAnswer | Error = { isReady: true };
  checks.register('part', async () => {
    if (answer instanceof Error) throw answer;
    return Promise.resolve(answer);
  });
  return {
    ...{ checks, logger, registry },
    async become(next: ReadinessAnswer | Error) {
      answer = next;
      return (await checks.ask()).part;
    },
  };
}

describe('ReadinessChecks', () => {
  it('logs a change of state once, with the exact reason, however often it is called', async () => {
    const { checks, logger, become } = open();
    await become({ isReady: true });
    expect(logger.lines).toEqual([]);
    await become({ isReady: false, reason: 'its disk is full' });
    for (let n = 0; n < 100; n += 1) await checks.ask();
    await become({ isReady: true, degradation: 'one of two is gone' });
    await become({ isReady: true });
    expect(logger.lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'not ready'],
      ['warn', 'ready with a limit'],
      ['info', 'ready again'],
    ]);
    expect(JSON.stringify(logger.lines)).toContain('its disk is full');
  });

  it('does not flood the log when the reason changes all the time', async () => {
    const { logger, become } = open();
    for (let n = 0; n < 100; n += 1) await become({ isReady: false, reason: `reason ${n}` });
    expect(logger.lines).toHaveLength(1);
  });

  it('explains a failed check by its code, its secret and its cause', async () => {
    const { become } = open();
    const cause = Object.assign(new Error('x'), { code: '28P01' });
    expect(await become(new ThingMissing({ cause }))).toEqual({
      isReady: false,
      reason: 'thing-missing acs: the database can not be used: the password is refused (28P01)',
    });
  });

  it('counts states in metrics', async () => {
    const { registry, become } = open();
    await become({ isReady: false, reason: 'x' });
    expect(await registry.metrics()).toContain('readiness_part_ready{part="part"} 0');
    await become({ isReady: true, degradation: 'x' });
    expect(await registry.metrics()).toContain('readiness_part_ready{part="part"} 1');
    expect(await registry.metrics()).toContain('readiness_part_degraded{part="part"} 1');
  });

  it('runs the checks once for concurrent callers, and is never ready again after a shutdown', async () => {
    const { checks } = open();
    let runs = 0;
    checks.register('counted', async () => {
      runs += 1;
      return Promise.resolve({ isReady: true });
    });
    await Promise.all(Array.from({ length: 50 }, async () => checks.ask()));
    expect(runs).toBe(1);
    checks.beginShutdown();
    expect((await checks.ask()).shutdown).toMatchObject({ isReady: false });
  });
});
