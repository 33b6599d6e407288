import { describe, expect, it } from 'vitest';
import { bucketsOf, countedPart, nextStart, startsOf } from './buckets.js';

const at = (text: string): number => Date.parse(text);

describe('the days of a window', () => {
  it.each([
    // Of 25 and of 23 hours.
    ['Europe/Berlin', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
    ['Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
    // Midnight comes twice, or is skipped.
    ['Atlantic/Azores', '2026-10-25T00:00:00Z', '2026-10-26T01:00:00Z'],
    ['America/Santiago', '2026-09-06T04:00:00Z', '2026-09-07T03:00:00Z'],
    ['UTC', '2026-10-25T00:00:00Z', '2026-10-26T00:00:00Z'],
  ])('in %s, the one from %s ends at %s, where the next begins', (zone, start, end) => {
    expect(new Date(nextStart(at(start), false, zone))).toEqual(new Date(end));
    const [, second] = startsOf(start, '2026-12-31T00:00:00Z', false, zone);
    expect(second).toBe(at(end));
  });

  it('have the counts that the database begins in the second of two midnights', () => {
    const zone = 'Atlantic/Azores';
    const starts = startsOf('2026-10-24T12:00:00Z', '2026-10-27T12:00:00Z', false, zone);
    const count = (bucketStart: string, entries: number) =>
      ({ dimension: 'outcome', bucketStart, value: 'success', entries }) as const;
    const counts = [
      count('2026-10-24T00:00:00Z', 1),
      count('2026-10-25T01:00:00Z', 2),
      count('2026-10-26T01:00:00Z', 3),
    ];
    const found = bucketsOf(counts, starts).map((one) => one.counts.success);
    expect(found).toEqual([1, 2, 3, undefined]);
  });
});

describe('the part of a unit that a window counts', () => {
  it.each([
    [
      'the first hour',
      true,
      '2026-11-28T03:00Z',
      '2026-11-28T03:22:08.000Z',
      '2026-11-28T04:00:00.000Z',
    ],
    [
      'an hour within',
      true,
      '2026-11-28T05:00Z',
      '2026-11-28T05:00:00.000Z',
      '2026-11-28T06:00:00.000Z',
    ],
    [
      'the last hour',
      true,
      '2026-11-28T20:00Z',
      '2026-11-28T20:00:00.000Z',
      '2026-11-28T20:30:05.000Z',
    ],
    ['a day', false, '2026-11-28T00:00Z', '2026-11-28T03:22:08.000Z', '2026-11-28T20:30:05.000Z'],
  ])('ends where the window does: %s', (_which, isByHour, start, from, to) => {
    const window = { from: '2026-11-28T03:22:08Z', to: '2026-11-28T20:30:05Z' };
    expect(countedPart(at(start), window, isByHour, 'UTC')).toEqual({ from, to });
  });
});
