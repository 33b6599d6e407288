import { describe, expect, it } from 'vitest';
import { issued } from './sample-events.js';
import { describeAuditTrail } from './audit-trail.contract.js';
import { AuditUnavailable } from '../errors.js';
import { MemoryAuditTrail } from './memory-audit-trail.js';

describeAuditTrail('MemoryAuditTrail', async () => {
  const trail = new MemoryAuditTrail();
  const marks: string[] = [];
  return Promise.resolve({
    trail,
    write: (mark) => async () => {
      marks.push(mark);
      return Promise.resolve();
    },
    marks: async () => Promise.resolve(marks),
    actions: async () => Promise.resolve(trail.entries.map(({ action }) => action)),
    close: async () => Promise.resolve(),
  });
});

describe('MemoryAuditTrail', () => {
  it('refuses every record during an outage', async () => {
    const trail = new MemoryAuditTrail();
    trail.outage = new AuditUnavailable();
    await expect(trail.record(issued())).rejects.toThrow(AuditUnavailable);
    expect(trail.entries).toEqual([]);
  });

  it('fails a write that uses the transaction when there is no database', async () => {
    const trail = new MemoryAuditTrail();
    const record = trail.record(issued(), async (transaction) => {
      await transaction.query('SELECT 1');
    });
    await expect(record).rejects.toThrow('no database');
  });
});
