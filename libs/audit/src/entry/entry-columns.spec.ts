import { describe, expect, it } from 'vitest';
import { issued } from '../testing/sample-events.js';
import { encodeEntry } from './encode-entry.js';
import { differingColumns, entryColumns } from './entry-columns.js';

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
