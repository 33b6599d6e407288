import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntryBundle, encodeEntryBundle } from './entry-bundle.js';
import { EntryTooLarge, MalformedEntryBundle, OutOfRange } from './errors.js';

describe('entry bundles', () => {
  it('prefix each entry with its length, two bytes, big-endian', () => {
    const bundle = encodeEntryBundle([Buffer.from('ab'), Buffer.alloc(0), Buffer.alloc(258, 1)]);
    expect(Buffer.from(bundle.subarray(0, 8)).toString('hex')).toBe('0002616200000102');
    expect(bundle).toHaveLength(2 + 2 + 2 + 2 + 258);
  });

  it('are decoded to the same entries', () => {
    const entries = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 256 });
    fc.assert(
      fc.property(entries, (written) => {
        const read = decodeEntryBundle(encodeEntryBundle(written), written.length);
        expect(read.map((entry) => Buffer.from(entry).toString('hex'))).toEqual(
          written.map((entry) => Buffer.from(entry).toString('hex')),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('hold an entry of 65,535 bytes and reject a longer one', () => {
    const longest = new Uint8Array(65_535).fill(7);
    expect(decodeEntryBundle(encodeEntryBundle([longest]), 1)[0]).toEqual(longest);
    expect(() => encodeEntryBundle([Buffer.alloc(65_536)])).toThrow(EntryTooLarge);
    expect(() => encodeEntryBundle([])).toThrow(OutOfRange);
    expect(() => encodeEntryBundle(Array<Uint8Array>(257).fill(longest.subarray(0, 1)))).toThrow(
      OutOfRange,
    );
  });

  it('are rejected when truncated, followed by more bytes or of another width', () => {
    const bundle = encodeEntryBundle([Buffer.from('one'), Buffer.from('two'), Buffer.alloc(0)]);
    for (let length = 0; length < bundle.length; length += 1) {
      expect(() => decodeEntryBundle(bundle.subarray(0, length), 3)).toThrow(MalformedEntryBundle);
    }
    expect(() => decodeEntryBundle(Buffer.concat([bundle, Buffer.of(0)]), 3)).toThrow(
      MalformedEntryBundle,
    );
    expect(() => decodeEntryBundle(bundle, 2)).toThrow(MalformedEntryBundle);
    expect(() => decodeEntryBundle(bundle, 4)).toThrow(MalformedEntryBundle);
  });
});
