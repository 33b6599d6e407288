import { clock, day, minutes, rfc3339, shortDay } from './format.js';
import { instantOf, UTC, wallTimeOf, type Zone } from './zone.js';

const UNIT_MS: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const LENGTH = /^(\d{1,5})\s*([mhdw])$/;

/** Ranges that end now, as the choice lists them. */
export const RANGES = ['15m', '1h', '4h', '24h', '7d', '30d', '90d'] as const;
export const DEFAULT_RANGE = '24h';

/** A range in the address: up to now, or between two instants. */
export type Range =
  | { readonly length: string }
  | { readonly from: number; readonly to: number | undefined };

/** A range at one moment. */
export interface Span {
  readonly from: number;
  /** Absent: without an end. */
  readonly to: number | undefined;
}

/** @returns `undefined` when the parameters make no sense */
export function readRange(parameters: URLSearchParams): Range | undefined {
  const length = parameters.get('range');
  const from = parameters.get('from');
  const to = parameters.get('to');
  if (length !== null && (from !== null || to !== null)) return undefined;
  if (from === null && to === null) {
    const chosen = length ?? DEFAULT_RANGE;
    return lengthOf(chosen) === undefined ? undefined : { length: chosen };
  }
  const first = from === null ? 0 : Date.parse(from);
  const last = to === null ? undefined : Date.parse(to);
  if (Number.isNaN(first) || Number.isNaN(last ?? 0)) return undefined;
  return last !== undefined && last <= first ? undefined : { from: first, to: last };
}

/** In milliseconds. */
export function lengthOf(text: string): number | undefined {
  const [, count, unit = ''] = LENGTH.exec(text) ?? [];
  const size = UNIT_MS[unit];
  return count === undefined || size === undefined ? undefined : Number(count) * size;
}

export function spanAt(range: Range, now: number): Span {
  if ('from' in range) return range;
  return { from: now - (lengthOf(range.length) ?? 0), to: undefined };
}

/** Parameters that name the same entries whenever and wherever they are read. */
export function absolute({ from, to }: Span, now: number): { from: string; to: string } {
  return { from: rfc3339(from, UTC), to: rfc3339(to ?? now, UTC) };
}

export function describeRange(range: Range, zone: Zone, now: number): string {
  if ('length' in range) return `last ${range.length}`;
  return describeSpan(range, zone, now);
}

/** `25 Nov 08:00–09:14`, or `24 Nov 22:00 – 25 Nov 09:14`. */
export function describeSpan({ from, to }: Span, zone: Zone, now: number): string {
  const end = to ?? now;
  if (from === 0) return `until ${shortDay(end, zone)} ${minutes(end, zone)}`;
  const start = `${shortDay(from, zone)} ${minutes(from, zone)}`;
  return day(from, zone) === day(end, zone)
    ? `${start}–${minutes(end, zone)}`
    : `${start} – ${shortDay(end, zone)} ${minutes(end, zone)}`;
}

/**
 * What a person may type: `now`, `2h` (ago), `today`, `yesterday`, `2025-11-25`, `2025-11-25 08:00`, and
 * RFC 3339. A time without an offset is one of the zone.
 *
 * @returns ms of the epoch; `undefined` for anything else
 */
export function parseInstant(text: string, zone: Zone, now: number): number | undefined {
  const typed = text.trim();
  if (typed === 'now') return now;
  const length = lengthOf(typed);
  if (length !== undefined) return now - length;
  if (typed === 'today' || typed === 'yesterday')
    return atHour(0, typed === 'today' ? 0 : 1, zone, now);
  const [, date, hour = '00', minute = '00', second = '00', fraction = '0', end] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?)?(Z|[+-]\d\d:\d\d)?$/i.exec(
      typed,
    ) ?? [];
  if (date === undefined) return undefined;
  const wall = `${date}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0')}`;
  const utc = Date.parse(`${wall}${end?.toUpperCase() ?? 'Z'}`);
  // `Date` accepts 31 February.
  if (
    Number.isNaN(utc) ||
    new Date(Date.parse(`${date}T00:00Z`)).toISOString().slice(0, 10) !== date
  )
    return undefined;
  return end === undefined ? instantOf(wallTimeOf(utc, UTC), zone) : utc;
}

/** The night that ended last: 22:00 to 06:00 by the clocks of the zone. */
export function lastNight(zone: Zone, now: number): { readonly from: number; readonly to: number } {
  const daysAgo = atHour(6, 0, zone, now) <= now ? 0 : 1;
  return { from: atHour(22, daysAgo + 1, zone, now), to: atHour(6, daysAgo, zone, now) };
}

function atHour(hour: number, daysAgo: number, zone: Zone, now: number): number {
  const wall = wallTimeOf(now, zone);
  const date = new Date(Date.UTC(wall.year, wall.month - 1, wall.day - daysAgo, hour));
  return instantOf(wallTimeOf(date.getTime(), UTC), zone);
}

/**
 * The instant of a field of the picker. While its text is what the field showed at first, it is that very instant,
 * which the text has neither with milliseconds nor with an offset.
 *
 * @param shown the instant that the field showed at first
 */
export function instantOfField(
  text: string,
  shown: number | undefined,
  zone: Zone,
  now: number,
): number | undefined {
  if (shown !== undefined && text === typedInstant(shown, zone)) return shown;
  return parseInstant(text, zone, now);
}

/** As the field of the picker shows an instant, and `parseInstant` reads it. */
export function typedInstant(at: number, zone: Zone): string {
  return `${day(at, zone)} ${clock(at, zone)}`;
}
