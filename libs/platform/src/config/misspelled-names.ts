/** A name that is set, and the known names that it is nearly equal to. */
export interface MisspelledName {
  readonly name: string;
  readonly similar: readonly string[];
}

/** Names that differ by at most this many inserted, deleted or replaced characters count as misspelled. */
const MAX_DISTANCE = 2;

/** What Kubernetes sets for each Service of the namespace, whatever the Service is called. */
const KUBERNETES =
  /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;

/**
 * Environment variables that no module reads and whose name is nearly one that a module reads.
 *
 * Names without an underscore are too short to compare: `HOST` is nearly `PORT`. Names that start with
 * `AZURE_` belong to the Azure SDK and its tools.
 */
export function misspelledNames(
  present: readonly string[],
  known: readonly string[],
  otherNames: readonly string[],
): MisspelledName[] {
  const correct = new Set([...known, ...otherNames]);
  return present.flatMap((name) => {
    const isForeign = !name.includes('_') || name.startsWith('AZURE_') || KUBERNETES.test(name);
    if (isForeign || correct.has(name)) return [];
    const similar = known.filter((other) => other.includes('_') && isNear(name, other));
    return similar.length === 0 ? [] : [{ name, similar }];
  });
}

function isNear(a: string, b: string): boolean {
  return Math.abs(a.length - b.length) <= MAX_DISTANCE && distance(a, b) <= MAX_DISTANCE;
}

/** The Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replaced = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
