import type { components } from '@acs-identity/client';
import type { Entry } from '../../api/api.js';
import type { Bucket } from '../../charts/stacked-bars.js';
import { rfc3339 } from '../../time/format.js';
import { instantOf, UTC, wallTimeOf, type Zone } from '../../time/zone.js';

type Counts = components['schemas']['AuditStatistics']['items'];

const HOUR_MS = 3_600_000;

/** Where each hour, or each day of the zone, of a window begins. @param from RFC 3339, as `to` */
export function startsOf(from: string, to: string, isByHour: boolean, zone: Zone): number[] {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  const starts: number[] = [];
  let at = isByHour ? Math.floor(first / HOUR_MS) * HOUR_MS : dayStart(first, 0, zone);
  for (; at < last; at = nextStart(at, isByHour, zone)) starts.push(at);
  return starts;
}

/** Where the unit after the one that begins at `start` begins: a day may have 23 or 25 hours. */
export function nextStart(start: number, isByHour: boolean, zone: Zone): number {
  return isByHour ? start + HOUR_MS : dayStart(start, 1, zone);
}

/** The part of a unit that a window counts, in RFC 3339: its first and last unit may reach beyond it. */
export function countedPart(
  start: number,
  window: { readonly from: string; readonly to: string },
  isByHour: boolean,
  zone: Zone,
): { from: string; to: string } {
  const from = Math.max(start, Date.parse(window.from));
  const to = Math.min(nextStart(start, isByHour, zone), Date.parse(window.to));
  return { from: rfc3339(from, UTC), to: rfc3339(to, UTC) };
}

function dayStart(at: number, daysLater: number, zone: Zone): number {
  const { year, month, day } = wallTimeOf(at, zone);
  return instantOf(wallTimeOf(Date.UTC(year, month - 1, day + daysLater), UTC), zone);
}

/**
 * The counts of every unit of a window, also of those without entries. Where midnight comes twice, the database
 * may begin the day an hour later: what begins within a unit is counted there.
 *
 * @param starts ascending
 */
export function bucketsOf(counts: Counts, starts: readonly number[]): Bucket[] {
  const buckets = starts.map((start) => ({
    start,
    label: '',
    counts: {} as Partial<Record<Entry['outcome'], number>>, // filled below
  }));
  for (const { dimension, bucketStart, value, entries } of counts) {
    const at = Date.parse(bucketStart);
    const found = buckets.findLast(({ start }) => start <= at);
    if (!found || dimension !== 'outcome' || value === undefined) continue;
    const outcome = value as Entry['outcome']; // counted by outcome
    found.counts[outcome] = (found.counts[outcome] ?? 0) + entries;
  }
  return buckets;
}
