import { offsetOf, UTC, wallTimeOf, type Zone } from './zone.js';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `2025-11-25`. */
export function day(at: number, zone: Zone): string {
  const { year, month, day: date } = wallTimeOf(at, zone);
  return `${year}-${two(month)}-${two(date)}`;
}

/** `25 Nov`. */
export function shortDay(at: number, zone: Zone): string {
  const { month, day: date } = wallTimeOf(at, zone);
  return `${date} ${MONTHS[month - 1] ?? ''}`;
}

/** `09:14:03`, with milliseconds if wanted. */
export function clock(at: number, zone: Zone, { hasMs = false } = {}): string {
  const { hour, minute, second, ms } = wallTimeOf(at, zone);
  const text = `${two(hour)}:${two(minute)}:${two(second)}`;
  return hasMs ? `${text}.${String(ms).padStart(3, '0')}` : text;
}

/** `09:14`. */
export function minutes(at: number, zone: Zone): string {
  return clock(at, zone).slice(0, 5);
}

/** `25 Nov 2025, 09:14:03.611 UTC`. */
export function instant(at: number, zone: Zone): string {
  const { year } = wallTimeOf(at, zone);
  return `${shortDay(at, zone)} ${year}, ${clock(at, zone, { hasMs: true })} ${zoneName(at, zone)}`;
}

/** RFC 3339 with the offset of the zone, which names the instant wherever it is read. */
export function rfc3339(at: number, zone: Zone): string {
  const wall = `${day(at, zone)}T${clock(at, zone, { hasMs: true })}`;
  return `${wall}${zone === UTC ? 'Z' : offset(at, zone)}`;
}

/** `UTC`, or the offset and the zone: `+01:00 Europe/Zurich`. */
export function zoneName(at: number, zone: Zone): string {
  return zone === UTC ? UTC : `${offset(at, zone)} ${zone}`;
}

/** `+05:30`. */
export function offset(at: number, zone: Zone): string {
  const total = offsetOf(at, zone);
  const size = Math.abs(total);
  return `${total < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `41 min`, `3 h`, `2 d`: the largest unit of which there is one. */
export function span(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 2 * 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `in 41 min`, `3 h ago`. */
export function relative(at: number, now: number): string {
  return at > now ? `in ${span(at - now)}` : `${span(now - at)} ago`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
