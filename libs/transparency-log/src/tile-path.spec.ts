import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedTilePath, OutOfRange } from './errors.js';
import { entriesPath, parseTilePath, tilePath } from './tile-path.js';

const address = fc.record({
  level: fc.integer({ min: 0, max: 63 }),
  index: fc.maxSafeNat(),
  width: fc.integer({ min: 1, max: 256 }),
});

describe('tile paths', () => {
  it('match the examples of the specification', () => {
    expect(tilePath({ level: 0, index: 1234067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 1, index: 0, width: 17 })).toBe('tile/1/000.p/17');
    expect(entriesPath({ index: 273, width: 112 })).toBe('tile/entries/273.p/112');
    expect(entriesPath({ index: 1000, width: 256 })).toBe('tile/entries/x001/000');
  });

  it('are parsed to the same address', () => {
    fc.assert(
      fc.property(address, (tile) => {
        expect(parseTilePath(tilePath(tile))).toEqual({ kind: 'tile', ...tile });
        const { index, width } = tile;
        expect(parseTilePath(entriesPath(tile))).toEqual({ kind: 'entries', index, width });
      }),
    );
  });

  it('have exactly one accepted form', () => {
    const hostile = [
      '',
      'tile/0/0',
      'tile/0/00',
      'tile/0/0000',
      'tile/0/x000/000',
      'tile/0/x000/067',
      'tile/00/000',
      'tile/01/000',
      'tile/64/000',
      'tile/-1/000',
      'tile/0/001/000',
      'tile/0/x001',
      'tile/0/000.p/0',
      'tile/0/000.p/01',
      'tile/0/000.p/256',
      'tile/0/000.p/999',
      'tile/0/000.p/',
      'tile/0/000/',
      '/tile/0/000',
      'tile/0/../000',
      'tile/0/000\n',
      'tile/0/٠٠٠',
      'tile/entries',
      'tile/data/000',
      'tile/0/x999/x999/x999/x999/x999/999',
      `tile/0/${'x000/'.repeat(50)}000`,
    ];
    for (const path of hostile) {
      expect(() => parseTilePath(path), path).toThrow(MalformedTilePath);
    }
    fc.assert(
      fc.property(address, fc.nat(), fc.string({ maxLength: 1 }), (tile, at, inserted) => {
        const path = tilePath(tile);
        const changed =
          path.slice(0, at % path.length) + inserted + path.slice((at % path.length) + 1);
        try {
          const read = parseTilePath(changed);
          expect(read.kind === 'tile' ? tilePath(read) : entriesPath(read)).toBe(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedTilePath);
        }
      }),
    );
  });

  it('are not made for impossible tiles', () => {
    for (const bad of [
      { level: 64, index: 0, width: 1 },
      { level: 0, index: -1, width: 1 },
      { level: 0, index: 0, width: 0 },
      { level: 0, index: 0, width: 257 },
      { level: 0, index: 0.5, width: 1 },
    ]) {
      expect(() => tilePath(bad)).toThrow(OutOfRange);
    }
  });
});
