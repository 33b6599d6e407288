/** A name that is set, and the known names that it is nearly equal to. */
export interface MisspelledName {
  readonly name: string;
  readonly similar: readonly string[];
}

/** Names that differ by at most this many inserted, deleted or replaced characters count as misspelled. */
const MAX_DISTANCE = 2;
/** Known names below it are too short to compare: `HOST` is nearly `PORT`. */
const MIN_LENGTH = 8;
/** `ACS_IDENTITY_LOG_LEVEL` means `LOG_LEVEL`. */
const PRODUCT_PREFIX = 'ACS_IDENTITY_';
/** Another unit for the same value: `AUDIT_TIMEOUT_SECONDS` means `AUDIT_TIMEOUT_MS`. */
const UNIT =
  /_(MS|MSECS?|MILLIS|MILLISECONDS?|S|SECS?|SECONDS?|M|MINS?|MINUTES?|H|HRS?|HOURS?|DAYS?)$/;
/** What a value is: `POLICY` means `POLICY_FILE`. Not `_URL`, because `DATABASE` is a common name. */
const SOURCE = /_(FILE|SECRET)$/;
/** Names of other programs that are nearly names of the service. */
const FOREIGN: ReadonlySet<string> = new Set(['AZURE_CREDENTIALS']);

/**
 * Names that are nearly a known one: by their spelling, by another unit, without what the value is, or by the
 * product's name before it.
 */
export function misspelledNames(
  present: readonly string[],
  known: readonly string[],
  otherNames: readonly string[],
): MisspelledName[] {
  const correct = new Set([...known, ...otherNames, ...FOREIGN]);
  const long = known.filter((name) => name.length >= MIN_LENGTH);
  return present.flatMap((name) => {
    if (correct.has(name)) return [];
    const plain = name.toUpperCase().replaceAll(/[.-]/g, '_');
    const written = plain.startsWith(PRODUCT_PREFIX) ? plain.slice(PRODUCT_PREFIX.length) : plain;
    const similar = long.filter(
      (other) =>
        isNear(written, other) ||
        hasOtherUnit(written, other) ||
        (SOURCE.test(other) && other.replace(SOURCE, '') === written),
    );
    return similar.length === 0 ? [] : [{ name, similar }];
  });
}

/** The first words that only this service has: at least this many of its settings start with them. */
const MIN_FAMILY = 3;

/**
 * Names that start as those of a family of known names, `ENTRA_…`, but are not known. `AZURE_…` belongs to
 * the Azure SDK and its tools.
 *
 * @returns the known names that are a part of each, or of which it is a part
 */
export function lookalikes(
  present: readonly string[],
  known: readonly string[],
  otherNames: readonly string[],
): MisspelledName[] {
  const sizes = new Map<string, number>();
  for (const word of known.map(firstWord)) sizes.set(word, (sizes.get(word) ?? 0) + 1);
  sizes.delete('AZURE');
  const correct = new Set([...known, ...otherNames]);
  return present
    .filter((name) => !correct.has(name) && (sizes.get(firstWord(name)) ?? 0) >= MIN_FAMILY)
    .map((name) => ({
      name,
      similar: known.filter(
        (other) => name.startsWith(`${other}_`) || other.startsWith(`${name}_`),
      ),
    }));
}

function firstWord(name: string): string {
  return name.split('_', 1)[0] ?? name;
}

function hasOtherUnit(a: string, b: string): boolean {
  const stem = b.replace(UNIT, '');
  return stem !== b && a.replace(UNIT, '') === stem;
}

function isNear(a: string, b: string): boolean {
  return Math.abs(a.length - b.length) <= MAX_DISTANCE && distanceWithin(a, b) <= MAX_DISTANCE;
}

/** The Levenshtein distance, or one above `MAX_DISTANCE` once it can't be less. */
function distanceWithin(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    if (Math.min(...next) > MAX_DISTANCE) return MAX_DISTANCE + 1;
    row = next;
  }
  return row.at(-1) ?? 0;
}
