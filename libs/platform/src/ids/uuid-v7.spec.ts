import { describe, expect, it } from 'vitest';
import { ascendingUuidsV7, uuidText, uuidV7, uuidV7Bytes, uuidV7Time } from './uuid-v7.js';

const NOW = Date.parse('2026-01-01T00:00:00.123Z');
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('uuidV7', () => {
  it('has the version, the variant and exactly the time', () => {
    const id = uuidV7(NOW);
    expect(id).toMatch(UUID_V7);
    expect(uuidV7Time(id)).toBe(NOW);
  });

  it('gives no id twice, also within a millisecond', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => uuidV7(NOW))).size).toBe(10_000);
  });

  it('gives the time of each call, also when that is earlier than the last one', () => {
    uuidV7(NOW + 1000);
    ascendingUuidsV7()(NOW + 1000);
    expect(uuidV7Time(uuidV7(NOW))).toBe(NOW);
  });

  it('has a text for its bytes', () => {
    const bytes = uuidV7Bytes(NOW);
    expect(bytes).toHaveLength(16);
    expect(uuidText(bytes).replaceAll('-', '')).toBe(bytes.toString('hex'));
  });
});

describe('ascendingUuidsV7', () => {
  it('ascends within a millisecond, beyond the counter, and when the clock goes back', () => {
    const start = NOW + 10_000;
    const times = [...Array.from({ length: 10_000 }, () => start), start - 500, start, start + 60];
    const ids = times.map(ascendingUuidsV7());
    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => UUID_V7.test(id))).toBe(true);
    expect(uuidV7Time(ids[0] ?? '')).toBe(start);
    expect(uuidV7Time(ids.at(-1) ?? '')).toBe(start + 60);
  });
});

describe('uuidV7Time', () => {
  it.each([
    ['another version', '0f8fad5b-d9cb-469f-a165-70867728950e'],
    ['upper case', '019B76DA-A87B-7000-8000-000000000000'],
    ['a time after the year 9999', 'ffffffff-ffff-7000-8000-000000000000'],
    ['no UUID', 'x'],
  ])('is undefined for %s', (_what, text) => {
    expect(uuidV7Time(text)).toBeUndefined();
  });
});
