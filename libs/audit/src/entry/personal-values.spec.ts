import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issued } from '../testing/sample-events.js';
import {
  hasAllSalts,
  isRecordedName,
  personalHashes,
  personalValuesOf,
} from './personal-values.js';

function targetOf(displayName: string): { readonly hashed: string; readonly salts: Buffer } {
  const values = personalValuesOf({ ...issued(), displayName }).filter(
    ({ whose }) => whose === 'target',
  );
  const [{ salts } = { salts: Buffer.alloc(0) }] = values;
  return { hashed: personalHashes(values)?.targetDisplayName ?? '', salts };
}

describe('personalValuesOf', () => {
  it('gives the values of actor and target apart, each with a salt of its own', () => {
    const values = personalValuesOf({ ...issued(), displayName: 'Bob' });
    expect(values.map(({ whose, displayName }) => [whose, displayName])).toEqual([
      ['actor', 'Alice Example'],
      ['target', 'Bob'],
    ]);
    expect(values.map(({ salts }) => salts.length)).toEqual([3 * 16, 16]);
  });
});

describe('hasAllSalts', () => {
  it('is true for 16 bytes for each value, and at least one value', () => {
    const one = { whose: 'actor', userAgent: 'agent' } as const;
    const salts = Buffer.alloc(16);
    expect(hasAllSalts({ ...one, salts })).toBe(true);
    expect(hasAllSalts({ ...one, clientAddress: '::1', salts: Buffer.alloc(32) })).toBe(true);
    expect(hasAllSalts({ ...one, clientAddress: '::1', salts })).toBe(false);
    expect(hasAllSalts({ ...one, salts: Buffer.alloc(15) })).toBe(false);
    expect(hasAllSalts({ whose: 'actor', salts: Buffer.alloc(0) })).toBe(false);
  });
});

describe('isRecordedName', () => {
  it('is true for the name alone, by its salt alone', () => {
    const { hashed, salts } = targetOf('Zoë');
    expect(hashed).toBe(hash('sha256', Buffer.concat([salts, Buffer.from('Zoë')]), 'base64url'));
    expect(isRecordedName('Zoë', hashed, salts)).toBe(true);
    expect(isRecordedName('Zoe', hashed, salts)).toBe(false);
    expect(isRecordedName('Zoë', hashed, targetOf('Zoë').salts)).toBe(false);
    expect(isRecordedName('Zoë', hashed, Buffer.concat([salts, salts]))).toBe(false);
    expect(isRecordedName('Zoë', hashed, Buffer.alloc(0))).toBe(false);
  });

  it('knows a name that was cut', () => {
    const long = 'a name of 600 characters'.padEnd(600, '.');
    const { hashed, salts } = targetOf(long);
    expect(isRecordedName(long, hashed, salts)).toBe(true);
    expect(isRecordedName(`${long}.`, hashed, salts)).toBe(false);
  });
});
