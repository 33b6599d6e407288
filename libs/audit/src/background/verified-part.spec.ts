import { describe, expect, it } from 'vitest';
import { type Finding, MAX_FINDINGS, mergeFindings } from './verified-part.js';

const COLUMN = 'column-differs: outcome';

function findings(count: number, cause: string, from = 0): Finding[] {
  return Array.from({ length: count }, (_, nth) => {
    const detail = `entry ${from + nth}: ${cause}`;
    return { place: String(from + nth), kind: cause.split(':')[0] ?? '', detail, cause };
  });
}

const isIn =
  (...places: readonly string[]) =>
  (place: string): boolean =>
    places.includes(place);

describe('mergeFindings', () => {
  it('replaces the findings of the slice', () => {
    const earlier = findings(3, COLUMN);
    expect(mergeFindings(earlier, isIn('1'), [])).toEqual([earlier[0], earlier[2]]);
  });

  it('keeps what many findings of another cause would hide, found before or after them', () => {
    const [rare] = findings(1, 'personal-differs: values', 5_000);
    const flood = findings(MAX_FINDINGS, COLUMN);
    const after = mergeFindings(flood, isIn(), rare ? [rare] : []);
    expect(after).toHaveLength(MAX_FINDINGS);
    expect(after).toContainEqual(rare);
    const before = mergeFindings(rare ? [rare] : [], isIn(), flood);
    expect(before).toHaveLength(MAX_FINDINGS);
    expect(before).toContainEqual(rare);
  });

  it('keeps of a full list those that were found first', () => {
    const flood = findings(MAX_FINDINGS, COLUMN);
    expect(mergeFindings(flood, isIn(), findings(20, COLUMN, 9_000))).toEqual(flood);
  });
});
