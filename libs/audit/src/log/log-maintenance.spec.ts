import { describe, expect, it, vi } from 'vitest';
import { type Database, Sweeps } from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import type { EntryStatistics } from '../query/entry-statistics.js';
import { LogMaintenance } from './log-maintenance.js';

const INTERVAL_MS = 10 * 60_000;

describe('LogMaintenance', () => {
  it.each(['query', 'rollUp'] as const)(
    'does every job in every interval although %s fails each time',
    async (failing) => {
      const clock = new ManualClock();
      const jobs = { query: vi.fn(), rollUp: vi.fn() };
      jobs.query.mockResolvedValue([]);
      jobs.rollUp.mockResolvedValue(false);
      jobs[failing].mockRejectedValue(new Error('canceling statement due to statement timeout'));
      const sweeps = new Sweeps(clock, new MemoryLogger());
      const maintenance = new LogMaintenance(
        { query: jobs.query } as unknown as Database, // all that it uses
        { rollUp: jobs.rollUp } as unknown as EntryStatistics, // all that it uses
        sweeps,
      );
      maintenance.onApplicationBootstrap();
      for (let run = 0; run < 3; run += 1) await clock.advance(INTERVAL_MS);
      await sweeps.onModuleDestroy();
      expect(jobs.query.mock.calls.length).toBeGreaterThanOrEqual(3);
      expect(jobs.rollUp.mock.calls.length).toBeGreaterThanOrEqual(3);
    },
  );
});
