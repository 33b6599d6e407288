import type { AuditEntry, AuditEntryRecord } from './audit-entry.js';

/** What is known of an entry whose stored bytes were changed or are missing. */
export interface Damage {
  readonly index: number;
  /** Of the commit, or of the row. */
  readonly recordedAt: Date;
  /** Absent when they are missing. */
  readonly storedBytes?: Buffer | undefined;
}

/** Whether entries of this action say that the log, or something else that was verified, is not whole. */
export function isDamage(action: string): boolean {
  return action === 'audit.damage' || action === 'x-audit.damaged';
}

/** Stands for an entry that can't be shown as it was recorded. Its id is one that no entry has. */
export function damagedEntry({ index, recordedAt, storedBytes }: Damage): AuditEntryRecord {
  const entry: AuditEntry = {
    action: 'x-audit.damaged',
    actor: { kind: 'system', name: 'audit-log' },
    details: storedBytes ? { storedBytes: storedBytes.toString('base64') } : { isMissing: true },
    id: `damaged-${index}`,
    outcome: 'failure',
    reason: { code: 'entry-damaged', detail: 'run acs-identity audit verify' },
    recordedAt: recordedAt.toISOString(),
    version: 1,
  };
  return { index, entry, leaf: Buffer.from(JSON.stringify(entry)), personal: {}, isDamaged: false };
}
