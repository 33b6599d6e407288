import { describe, expect, it } from 'vitest';
import { instant, rfc3339 } from './format.js';
import {
  absolute,
  describeSpan,
  instantOfField,
  lastNight,
  parseInstant,
  readRange,
  spanAt,
  typedInstant,
} from './range.js';
import { instantOf, UTC, wallTimeOf } from './zone.js';

const ZURICH = 'Europe/Zurich';
const KOLKATA = 'Asia/Kolkata';
const at = (text: string): number => Date.parse(text);
const NOW = at('2025-11-26T09:30:00Z');

describe('an instant', () => {
  it.each([
    ['2025-11-25T08:14:03.611Z', UTC, '25 Nov 2025, 08:14:03.611 UTC'],
    ['2025-11-25T08:14:03.611Z', ZURICH, '25 Nov 2025, 09:14:03.611 +01:00 Europe/Zurich'],
    ['2025-11-25T20:14:03.611Z', KOLKATA, '26 Nov 2025, 01:44:03.611 +05:30 Asia/Kolkata'],
    // The hour that Zurich has twice: the offsets differ.
    ['2025-10-26T00:30:00Z', ZURICH, '26 Oct 2025, 02:30:00.000 +02:00 Europe/Zurich'],
    ['2025-10-26T01:30:00Z', ZURICH, '26 Oct 2025, 02:30:00.000 +01:00 Europe/Zurich'],
  ])('%s is shown in %s as %s', (text, zone, shown) => {
    expect(instant(at(text), zone)).toBe(shown);
    expect(Date.parse(rfc3339(at(text), zone))).toBe(at(text));
  });

  it('comes back from the clock of a zone, also where the clock is changed', () => {
    for (const zone of [UTC, ZURICH, KOLKATA, 'America/St_Johns', 'Australia/Lord_Howe']) {
      for (let hour = 0; hour < 24 * 366; hour += 61) {
        const now = at('2025-01-01T00:00Z') + hour * 3_600_000;
        const wall = wallTimeOf(now, zone);
        expect(wallTimeOf(instantOf(wall, zone), zone)).toEqual(wall);
      }
    }
    // 02:30 of the day on which Zurich skips it.
    const skipped = { ...wallTimeOf(at('2025-03-30T02:30:00Z'), UTC) };
    expect(new Date(instantOf(skipped, ZURICH)).toISOString()).toBe('2025-03-30T01:30:00.000Z');
  });
});

describe('a typed time', () => {
  it.each([
    ['now', UTC, '2025-11-26T09:30:00Z'],
    ['2h', UTC, '2025-11-26T07:30:00Z'],
    ['yesterday', UTC, '2025-11-25T00:00:00Z'],
    ['yesterday', KOLKATA, '2025-11-24T18:30:00Z'],
    ['2025-11-25', ZURICH, '2025-11-24T23:00:00Z'],
    ['2025-11-25 08:00', ZURICH, '2025-11-25T07:00:00Z'],
    ['2025-07-25 08:00:30', ZURICH, '2025-07-25T06:00:30Z'],
    ['2025-11-25T08:00:00Z', ZURICH, '2025-11-25T08:00:00Z'],
    ['2025-11-25T08:00:00+05:30', UTC, '2025-11-25T02:30:00Z'],
  ])('%s in %s is %s', (typed, zone, expected) => {
    expect(parseInstant(typed, zone, NOW)).toBe(at(expected));
  });

  it.each([
    ['2025-11-27T20:00:59.731Z', UTC],
    // The second time of the hour that comes twice.
    ['2025-10-26T01:30:00Z', ZURICH],
  ])('that nobody has changed is %s still', (shown, zone) => {
    const text = typedInstant(at(shown), zone);
    expect(instantOfField(text, at(shown), zone, NOW)).toBe(at(shown));
    expect(instantOfField('2025-11-25 08:00', at(shown), UTC, NOW)).toBe(at('2025-11-25T08:00Z'));
    expect(instantOfField('now', undefined, zone, NOW)).toBe(NOW);
  });

  it.each(['', 'soon', '2025-02-31', '2025-11-25 25:00', '08:00', '2025-13-01', '-2h'])(
    '%j is not understood',
    (typed) => {
      expect(parseInstant(typed, UTC, NOW)).toBeUndefined();
    },
  );
});

describe('a range', () => {
  it('of a link names the same instants wherever and whenever it is read', () => {
    const range = readRange(new URLSearchParams('range=2h'));
    if (!range) throw new Error('a range');
    const link = new URLSearchParams(absolute(spanAt(range, NOW), NOW));
    expect(link.get('from')).toBe('2025-11-26T07:30:00.000Z');
    expect(readRange(link)).toEqual({ from: NOW - 7_200_000, to: NOW });
  });

  it.each([
    'range=soon',
    'range=2h&from=2025-11-25T08:00:00Z',
    'from=x',
    'from=2025-11-26T00:00:00Z&to=2025-11-25T00:00:00Z',
  ])('is none in %s', (parameters) => {
    expect(readRange(new URLSearchParams(parameters))).toBeUndefined();
  });

  it('is described in the zone', () => {
    const span = { from: at('2025-11-25T22:30:00Z'), to: at('2025-11-25T23:30:00Z') };
    expect(describeSpan(span, UTC, NOW)).toBe('25 Nov 22:30–23:30');
    expect(describeSpan(span, ZURICH, NOW)).toBe('25 Nov 23:30 – 26 Nov 00:30');
  });
});

describe('the last night', () => {
  it.each([
    ['2025-11-26T09:30:00Z', UTC, '2025-11-25T22:00:00.000Z', '2025-11-26T06:00:00.000Z'],
    ['2025-11-26T06:00:00Z', UTC, '2025-11-25T22:00:00.000Z', '2025-11-26T06:00:00.000Z'],
    // One that has not ended is not the last one.
    ['2025-11-26T05:59:59Z', UTC, '2025-11-24T22:00:00.000Z', '2025-11-25T06:00:00.000Z'],
    ['2025-11-26T23:00:00Z', UTC, '2025-11-25T22:00:00.000Z', '2025-11-26T06:00:00.000Z'],
    ['2025-11-26T00:29:00Z', KOLKATA, '2025-11-24T16:30:00.000Z', '2025-11-25T00:30:00.000Z'],
    // Clocks are put back in it: it has nine hours.
    ['2025-10-26T09:00:00Z', ZURICH, '2025-10-25T20:00:00.000Z', '2025-10-26T05:00:00.000Z'],
    ['2026-01-01T09:00:00Z', ZURICH, '2025-12-31T21:00:00.000Z', '2026-01-01T05:00:00.000Z'],
  ])('at %s in %s begins at %s and ends at %s', (now, zone, from, to) => {
    expect(lastNight(zone, at(now))).toEqual({ from: at(from), to: at(to) });
  });
});
