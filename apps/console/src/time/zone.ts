/** An IANA time zone, such as `Europe/Zurich`. */
export type Zone = string;

export const UTC: Zone = 'UTC';

export function localZone(): Zone {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

export function isZone(text: string): boolean {
  try {
    formatter(text);
    return true;
  } catch {
    return false;
  }
}

const formatters = new Map<Zone, Intl.DateTimeFormat>();

function formatter(zone: Zone): Intl.DateTimeFormat {
  let found = formatters.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      fractionalSecondDigits: 3,
    });
    formatters.set(zone, found);
  }
  return found;
}

/** The parts of an instant as a clock and a calendar of the zone show them. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
}

export function wallTimeOf(at: number, zone: Zone): WallTime {
  const parts = new Map(
    formatter(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, +value]),
  );
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
    ms: part('fractionalSecond'),
  };
}

/** In minutes east of UTC, at an instant. */
export function offsetOf(at: number, zone: Zone): number {
  return Math.round((asIfUtc(wallTimeOf(at, zone)) - at) / 60_000);
}

/**
 * The instant at which clocks of the zone show a time. Of a time that they show twice, the first; of one
 * that they skip, the instant that the offset before the change gives.
 */
export function instantOf(wall: WallTime, zone: Zone): number {
  const utc = asIfUtc(wall);
  const earlier = utc - offsetOf(utc - 86_400_000, zone) * 60_000;
  const later = utc - offsetOf(utc + 86_400_000, zone) * 60_000;
  const candidates = [earlier, later].filter((at) => asIfUtc(wallTimeOf(at, zone)) === utc);
  return candidates.length === 0 ? earlier : Math.min(...candidates);
}

function asIfUtc({ year, month, day, hour, minute, second, ms }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second, ms);
}
