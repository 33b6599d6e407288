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
});
