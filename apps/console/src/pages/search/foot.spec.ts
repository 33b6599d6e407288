import { describe, expect, it } from 'vitest';
import { footText } from './foot.js';

const to = Date.parse('2026-11-28T03:22:00Z');
const search = {
  ...{ span: { from: to - 3_600_000, to }, end: to, zone: 'UTC', filters: 1 },
  ...{ live: 0, isAscending: false, shown: 13 },
} as const;

describe('the foot of a search', () => {
  it('says what was searched, and whether there is more', () => {
    const ended = footText({ ...search, state: 'end' });
    expect(ended).toBe('searched 28 Nov 02:22–03:22 UTC, 1 filter · 13 shown · end reached');
    const live = footText({ ...search, live: 2, state: 'more' });
    expect(live).toContain(', 1 filter, then 2 live · 13 shown · scroll or PageDown for older');
  });

  it('does not say that anything was searched before there is an answer', () => {
    expect(footText({ ...search, shown: 0, state: 'none' })).toBe('nothing shown yet');
  });
});
