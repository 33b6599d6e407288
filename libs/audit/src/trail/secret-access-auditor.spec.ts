import { describe, expect, it } from 'vitest';
import { ManualClock, MemoryLogger } from '#libs/platform';
import { SecretReads } from '#libs/secrets';
import { AuditUnavailable } from '../errors.js';
import { MemoryAuditTrail } from '../testing/memory-audit-trail.js';
import { SecretAccessAuditor } from './secret-access-auditor.js';

function start() {
  const reads = new SecretReads();
  const trail = new MemoryAuditTrail();
  const clock = new ManualClock('2026-01-01T00:00:00Z');
  const logger = new MemoryLogger();
  const recorder = new SecretAccessAuditor(reads, trail, clock, logger);
  const settle = async (): Promise<void> => clock.advance(0);
  return { reads, trail, clock, logger, recorder, settle };
}

describe('SecretAccessAuditor', () => {
  it('records what was read, by nobody but the service itself', async () => {
    const { reads, trail, settle } = start();
    reads.tell({ name: 'acs', version: 'v1' });
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

  it('records a rotation beside the reading that noticed it', async () => {
    const { reads, trail, settle } = start();
    reads.tell({ name: 'acs', version: 'v2', replaces: 'v1' });
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
    const { reads, trail, settle } = start();
    reads.tell({ name: 'acs', refusal });
    await settle();
    expect(trail.entries).toMatchObject([
      { action: 'secret.read', outcome, reason: { code: refusal }, details: { secret: 'acs' } },
    ]);
  });

  it('counts what repeats within a minute, and nothing twice', async () => {
    const { reads, trail, clock } = start();
    for (let second = 0; second < 180; second += 1) {
      reads.tell({ name: 'acs', refusal: 'secrets-unavailable' });
      reads.tell({ name: 'seal', version: 'v1' });
      await clock.advance(1000);
    }
    await clock.advance(120_000);
    for (const secret of ['acs', 'seal']) {
      const counts = trail.entries
        .filter(({ details }) => details?.secret === secret)
        .map(({ details }) => Number(details?.count));
      expect(counts.length).toBeLessThanOrEqual(5);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(180);
    }
  });

  it('keeps readings until the log works, and holds up nobody meanwhile', async () => {
    const { reads, trail, clock, logger } = start();
    trail.outage = new AuditUnavailable();
    reads.tell({ name: 'audit-signing-key', version: 'v1' });
    reads.tell({ name: 'audit-signing-key', version: 'v1' });
    await clock.advance(600_000);
    expect(trail.entries).toEqual([]);
    expect(logger.lines.length).toBeGreaterThan(0);
    trail.outage = undefined;
    await clock.advance(120_000);
    const counts = trail.entries.map(({ details }) => details?.count);
    expect(counts).toEqual([1, 1]);
  });

  it('tries what waits once more when the process ends, and does not hang', async () => {
    const { reads, trail, clock, recorder, settle } = start();
    trail.outage = new AuditUnavailable();
    reads.tell({ name: 'acs', version: 'v1' });
    await settle();
    trail.outage = undefined;
    await recorder.beforeApplicationShutdown();
    expect(trail.entries).toHaveLength(1);

    const other = start();
    other.trail.outage = new AuditUnavailable();
    other.reads.tell({ name: 'acs', version: 'v1' });
    await other.recorder.beforeApplicationShutdown();
    expect([other.trail.entries, clock.sleeping]).toEqual([[], 0]);
  });
});
