import { describe, expect, it } from 'vitest';
import { canonicalName } from '#libs/platform';
import { alice, denied, issued } from '../testing/sample-events.js';
import { encodeEntry } from './encode-entry.js';
import { differingColumns, entryColumns, entryFromColumns } from './entry-columns.js';

const { entry } = encodeEntry(issued(), 0);
const stored = entryColumns(entry);

describe('differingColumns', () => {
  it('accepts the columns of this release, and those that an older release left out', () => {
    expect(differingColumns(stored, entry)).toEqual([]);
    expect(differingColumns({ ...stored, facet: null, search_ids: null }, entry)).toEqual([]);
  });

  it.each(Object.keys(stored) as (keyof typeof stored)[])('finds a changed %s', (name) => {
    expect(differingColumns({ ...stored, [name]: 'changed' }, entry)).toEqual([name]);
  });

  it('finds a column of every release that is missing', () => {
    const names = ['action', 'actor_tenant', 'client_app', 'token_fingerprint'] as const;
    for (const name of names) {
      expect(differingColumns({ ...stored, [name]: null as never }, entry)).toEqual([name]);
    }
  });
});

describe('entryColumns', () => {
  it('has the target of another person than the actor', () => {
    const target = { tenant: canonicalName('contoso'), subject: canonicalName('bob') };
    const other = encodeEntry({ ...issued(), target }, 0).entry;
    expect(entryColumns(other)).toMatchObject({ target_tenant: 'contoso', target_subject: 'bob' });
    expect(stored).toMatchObject({ target_tenant: null, target_subject: null });
  });

  it('has no value for what the entry lacks', () => {
    const few = encodeEntry({ ...denied(), actor: { kind: 'unauthenticated' } }, 0).entry;
    const { action, outcome, reason_code, reason_detail, actor_kind, facet, ...rest } =
      entryColumns(few);
    expect([action, outcome, actor_kind]).toEqual([
      'authorization.deny',
      'denied',
      'unauthenticated',
    ]);
    expect([reason_code, reason_detail]).toEqual([few.reason?.code, few.reason?.detail]);
    expect(facet).not.toBe('');
    const { search_ids, ...others } = rest;
    expect(search_ids).toBe('');
    expect(new Set(Object.values(others))).toEqual(new Set([null]));
  });
});

describe('entryFromColumns', () => {
  const recordedAt = new Date('2026-11-23T10:00:00.123Z');

  it('has what the columns have', () => {
    const columns = { ...stored, id: 'x', reason_code: 'code', target_subject: 'bob' };
    expect(entryFromColumns(columns, recordedAt)).toEqual({
      action: 'token.issue',
      actor: {
        clientApp: alice.clientApp,
        kind: 'user',
        subject: alice.subject,
        tenant: alice.tenant,
      },
      id: 'x',
      outcome: 'success',
      reason: { code: 'code' },
      recordedAt: '2026-11-23T10:00:00.123Z',
      target: {
        communicationUserId: entry.target?.communicationUserId,
        identityId: entry.target?.identityId,
        subject: 'bob',
      },
      version: 1,
    });
    expect(entryFromColumns({ ...columns, reason_detail: 'detail' }, recordedAt).reason).toEqual({
      code: 'code',
      detail: 'detail',
    });
  });

  it('has no member for what they lack', () => {
    const bare = { ...stored, id: 'x', identity_id: null, communication_user_id: null };
    const parsed = entryFromColumns(
      { ...bare, actor_tenant: null, actor_subject: null, client_app: null },
      recordedAt,
    );
    expect(Object.keys(parsed).sort()).toEqual([
      ...['action', 'actor', 'id', 'outcome', 'recordedAt', 'version'],
    ]);
    expect(parsed.actor).toEqual({ kind: 'user' });
  });
});
