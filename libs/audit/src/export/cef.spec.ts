import { describe, expect, it } from 'vitest';
import { encodeEntry } from '../entry/encode-entry.js';
import { issued } from '../testing/sample-events.js';
import { cefLine } from './cef.js';

function lineWith(displayName: string): string {
  const { entry, leaf } = encodeEntry(issued(), 0);
  return cefLine({
    index: 0,
    entry,
    leaf,
    isDamaged: false,
    personal: { actorDisplayName: displayName },
  });
}

describe('cefLine', () => {
  it.each([
    ['x'.repeat(1_023), 'x'.repeat(1_023)],
    ['x'.repeat(1_024), `${'x'.repeat(1_022)}…`],
    [`${'x'.repeat(1_021)}😀😀`, `${'x'.repeat(1_021)}…`],
  ])('marks a text that it cuts (%#)', (name, written) => {
    expect(lineWith(name)).toContain(` suser=${written} `);
  });

  it('gives damage of the log the highest severity', () => {
    const actor = { kind: 'system', name: 'audit-log' } as const;
    const event = { action: 'audit.damage', outcome: 'failure', actor } as const;
    const { entry, leaf } = encodeEntry(event, 0);
    const line = cefLine({ index: 0, entry, leaf, personal: {}, isDamaged: false });
    expect(line).toMatch(/\|audit damage\|10\|/);
  });
});
