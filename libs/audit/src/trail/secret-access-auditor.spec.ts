import { describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { SecretAccessEvents } from '#libs/secrets';
import { AuditUnavailable } from '../errors.js';
import { MemoryAuditTrail } from '../testing/memory-audit-trail.js';
import { SecretAccessAuditor } from './secret-access-auditor.js';

function start() {
  const events = new SecretAccessEvents();
  const trail = new MemoryAuditTrail();
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const logger = new MemoryLogger();
  const recorder = new SecretAccessAuditor(events, trail, clock, logger);
  const settle = async (): Promise<void> => clock.advance(0);
  return { events, trail, clock, logger, recorder, settle };
}

describe('SecretAccessAuditor', () => {
  it('records a read with the service itself as the actor', async () => {
    const { events, trail, settle } = start();
    events.emit({ name: 'acs', version: 'v1' });
    await settle();
    expect(trail.entries).toMatchObject([
      {
        action: 'secret.read',
        outcome: 'success',
        actor: { kind: 'system', name: 'secret-store' },
        details: { secret: 'acs', version: 'v1', count: 1, from: '2026-01-01T00:00:00.000Z' },
      },
    ]);
  });

  it('records a rotation beside the read that noticed it', async () => {
    const { events, trail, settle } = start();
    events.emit({ name: 'acs', version: 'v2', replaces: 'v1' });
    await settle();
    expect(trail.entries).toMatchObject([
      { action: 'secret.read', details: { secret: 'acs', version: 'v2' } },
      { action: 'secret.rotate', details: { secret: 'acs', version: 'v2', replaces: 'v1' } },
    ]);
  });

  it.each([
    ['secret-access-refused', 'denied'],
    ['secrets-unavailable', 'failure'],
    ['secret-missing', 'failure'],
  ])('records %s as %s', async (refusal, outcome) => {
    const { events, trail, settle } = start();
    events.emit({ name: 'acs', refusal });
    await settle();
    expect(trail.entries).toMatchObject([
      { action: 'secret.read', outcome, reason: { code: refusal }, details: { secret: 'acs' } },
    ]);
  });

  it('counts repeats within ten minutes, each once', async () => {
    const { events, trail, clock } = start();
    for (let read = 0; read < 180; read += 1) {
      events.emit({ name: 'acs', refusal: 'secrets-unavailable' });
      events.emit({ name: 'seal', version: 'v1' });
      await clock.advance(10_000);
    }
    await clock.advance(1_200_000);
    for (const secret of ['acs', 'seal']) {
      const counts = trail.entries
        .filter(({ details }) => details?.secret === secret)
        .map(({ details }) => Number(details?.count));
      expect(counts.length).toBeLessThanOrEqual(5);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(180);
    }
  });

  it('holds reads back until the log is available, and blocks no caller meanwhile', async () => {
    const { events, trail, clock, logger } = start();
    trail.outage = new AuditUnavailable();
    events.emit({ name: 'audit-signing-key', version: 'v1' });
    events.emit({ name: 'audit-signing-key', version: 'v1' });
    await clock.advance(600_000);
    expect(trail.entries).toEqual([]);
    expect(logger.lines.length).toBeGreaterThan(0);
    trail.outage = undefined;
    await clock.advance(1_200_000);
    const counts = trail.entries.map(({ details }) => details?.count);
    expect(counts).toEqual([1, 1]);
  });

  it('retries once at shutdown, and does not hang', async () => {
    const { events, trail, clock, recorder, settle } = start();
    trail.outage = new AuditUnavailable();
    events.emit({ name: 'acs', version: 'v1' });
    await settle();
    trail.outage = undefined;
    await recorder.beforeApplicationShutdown();
    expect(trail.entries).toHaveLength(1);

    const other = start();
    other.trail.outage = new AuditUnavailable();
    other.events.emit({ name: 'acs', version: 'v1' });
    await other.recorder.beforeApplicationShutdown();
    expect([other.trail.entries, clock.sleeping]).toEqual([[], 0]);
  });
});
