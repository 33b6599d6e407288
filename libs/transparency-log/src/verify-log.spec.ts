import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryLog, sampleEntries } from './testing.js';
import { CompactRange } from './compact-range.js';
import { LogMismatch, OutOfRange, TransparencyLogError } from './errors.js';
import { hashLeaf } from './hashing.js';
import { TreeReader } from './tree-reader.js';
import { verifyLog, type LogBatch, type LogClaim, type TreeHead } from './verify-log.js';

const size = 1_500;
const log = new MemoryLog();
const heads: TreeHead[] = [];
for (let from = 0; from < size; from += 100) {
  log.append(sampleEntries(100, from));
  heads.push({ size: from + 100, root: log.frontier.root() });
}
const head: TreeHead = { size, root: log.frontier.root() };

function batchesOf(entries: readonly Buffer[], width = 256): Buffer[][] {
  const count = Math.ceil(entries.length / width);
  return Array.from({ length: count }, (_, nth) => entries.slice(nth * width, (nth + 1) * width));
}

async function* stream(batches: readonly LogBatch[]): AsyncGenerator<LogBatch> {
  for (const batch of batches) {
    yield await Promise.resolve(batch);
  }
}

/** The claim that the log is intact, with the members of `change` replaced. */
function claim(change: Partial<LogClaim> & { entries?: readonly Buffer[] } = {}): LogClaim {
  const { entries = log.entries, ...rest } = change;
  const batches = stream(batchesOf(entries));
  return { start: new CompactRange(), batches, heads: [head], readTile: log.readTile, ...rest };
}

async function faultOf(
  wrong: LogClaim,
): Promise<Pick<LogMismatch, 'fault' | 'firstIndex' | 'endIndex'>> {
  try {
    await verifyLog(wrong);
  } catch (error) {
    if (error instanceof LogMismatch) {
      const { fault, firstIndex, endIndex } = error;
      return { fault, firstIndex, endIndex };
    }
    throw error;
  }
  throw new Error('verifyLog accepted the log');
}

describe('verifyLog', () => {
  it('accepts an intact log, in batches of any width, and returns the tree at its end', async () => {
    for (const width of [1, 7, 256, 1_000, 5_000]) {
      const batches = stream(batchesOf(log.entries, width));
      const range = await verifyLog(claim({ batches }));
      expect(range.size).toBe(size);
      expect(range.root()).toEqual(head.root);
    }
    await verifyLog(claim({ batches: batchesOf(log.entries) }));
  });

  it('accepts a log from any size that was verified before', async () => {
    for (const from of [0, 1, 255, 256, 257, 1_000, size]) {
      const start = await new TreeReader(from, log.readTile).compactRange();
      const range = await verifyLog(claim({ start, entries: log.entries.slice(from) }));
      expect(range.root()).toEqual(head.root);
    }
  });

  it('accepts a log whose first entries are pruned, given their leaf hashes', async () => {
    const pruned = { leafHashes: Buffer.concat(log.entries.slice(0, 512).map(hashLeaf)) };
    const batches = stream([pruned, ...batchesOf(log.entries.slice(512))]);
    await verifyLog(claim({ batches }));
    const wrong = Buffer.from(pruned.leafHashes);
    wrong[300 * 32] = (wrong[300 * 32] ?? 0) ^ 1;
    const changed = stream([{ leafHashes: wrong }, ...batchesOf(log.entries.slice(512))]);
    expect(await faultOf(claim({ batches: changed }))).toMatchObject({ firstIndex: 300 });
  });

  it('rejects a start that does not match its checkpoint', async () => {
    const start = new CompactRange();
    start.append(hashLeaf(Buffer.from('another first entry')));
    const first = { size: 1, root: hashLeaf(log.entries[0] ?? Buffer.alloc(1)) };
    const wrong = claim({ start, entries: log.entries.slice(1), heads: [first, head] });
    expect(await faultOf(wrong)).toEqual({ fault: 'root-differs', firstIndex: 0, endIndex: 1 });
  });

  it('names the first wrong entry after a random edit', async () => {
    const index = fc.nat({ max: size - 1 });
    const edit = fc.constantFrom(
      'change',
      'delete',
      'insert',
      'swap',
      'truncate',
      'append',
      'many',
    );
    await fc.assert(
      fc.asyncProperty(edit, index, index, async (kind, a, b) => {
        const entries = [...log.entries];
        let firstIndex = a;
        if (kind === 'change' || kind === 'many') {
          entries[a] = Buffer.concat([entries[a] ?? Buffer.alloc(0), Buffer.of(0)]);
        }
        if (kind === 'many') {
          entries[b] = Buffer.from('also wrong');
          firstIndex = Math.min(a, b);
        }
        if (kind === 'delete') {
          entries.splice(a, 1);
        }
        if (kind === 'insert') {
          entries.splice(a, 0, Buffer.from('never happened'));
        }
        if (kind === 'swap') {
          [entries[a], entries[b]] = [entries[b] ?? Buffer.alloc(0), entries[a] ?? Buffer.alloc(0)];
          firstIndex = a === b ? size : Math.min(a, b);
        }
        if (kind === 'truncate') {
          entries.length = a;
        }
        if (kind === 'append' || firstIndex === size) {
          entries.push(Buffer.from('one more'));
          firstIndex = size;
        }
        const fault = await faultOf(claim({ entries }));
        expect(fault).toMatchObject({ firstIndex, endIndex: firstIndex + 1 });
      }),
      { numRuns: 400 },
    );
  });

  it('locates a change of any byte of any tile', async () => {
    for (const [key, hashes] of log.tiles) {
      const [level = 0, index = 0] = key.split('/').map(Number);
      for (let byte = 0; byte < hashes.length; byte += 241) {
        const changed = Buffer.from(hashes);
        changed[byte] = (changed[byte] ?? 0) ^ 0x80;
        const tiles = new Map(log.tiles).set(key, changed);
        const fault = await faultOf(claim({ readTile: readerOf(tiles) }));
        const leaves = 256 ** level;
        const position = index * 256 + Math.floor(byte / 32);
        expect(fault).toEqual({
          fault: level === 0 ? 'entry-differs' : 'tile-differs',
          firstIndex: position * leaves,
          endIndex: (position + 1) * leaves,
        });
      }
    }
  });

  it('reports a forged tile hash before faults in later entries', async () => {
    const entries = log.entries.with(100, Buffer.from('forged')).with(900, Buffer.from('forged'));
    const forgedLeaves = Buffer.from(log.tiles.get('0/0') ?? []);
    forgedLeaves.set(hashLeaf(Buffer.from('forged')), 100 * 32);
    const readTile = readerOf(new Map(log.tiles).set('0/0', forgedLeaves));
    expect(await faultOf(claim({ entries, readTile }))).toEqual({
      fault: 'tile-differs',
      firstIndex: 0,
      endIndex: 256,
    });
  });

  it('never names entries that were verified before the start', async () => {
    const start = await new TreeReader(1_000, log.readTile).compactRange();
    const forged = Buffer.from(log.tiles.get('1/0') ?? []).fill(0, 3 * 32);
    const readTile = readerOf(new Map(log.tiles).set('1/0', forged));
    const entries = log.entries.slice(1_000);
    expect(await faultOf(claim({ start, entries, readTile }))).toEqual({
      fault: 'tile-differs',
      firstIndex: 1_000,
      endIndex: 1_024,
    });
  });

  it('locates a rewrite of entries and tiles between two checkpoints', async () => {
    const rewritten = new MemoryLog();
    rewritten.append(log.entries.with(730, Buffer.from('backdated')));
    const { entries, readTile } = rewritten;
    expect(await faultOf(claim({ entries, readTile }))).toEqual({
      fault: 'root-differs',
      firstIndex: 0,
      endIndex: size,
    });
    const [first, ...more] = heads;
    const narrowed = claim({ entries, readTile, heads: [first ?? head, ...more] });
    expect(await faultOf(narrowed)).toEqual({
      fault: 'root-differs',
      firstIndex: 700,
      endIndex: 800,
    });
  });

  it('locates a fault between two checkpoints when there are no tiles', async () => {
    const start = new CompactRange();
    await verifyLog({ start, batches: batchesOf(log.entries), heads: [head] });
    const batches = batchesOf(log.entries.with(5, Buffer.from('x')));
    expect(await faultOf({ start, batches, heads: [head] })).toEqual({
      fault: 'root-differs',
      firstIndex: 0,
      endIndex: size,
    });
  });

  it('rejects heads that do not ascend from the start', async () => {
    const start = log.frontier.compactRange();
    await expect(verifyLog(claim({ start, heads: [{ ...head, size: 5 }] }))).rejects.toThrow(
      OutOfRange,
    );
    const descending = claim({ heads: [head, { ...head, size: 5 }] });
    await expect(verifyLog(descending)).rejects.toThrow(OutOfRange);
  });

  it('rejects tiles and leaf hashes of the wrong length', async () => {
    const cut = claim({ readTile: () => Buffer.alloc(33) });
    await expect(verifyLog(cut)).rejects.toThrow(TransparencyLogError);
    const pruned = claim({ batches: [{ leafHashes: Buffer.alloc(33) }] });
    await expect(verifyLog(pruned)).rejects.toThrow(TransparencyLogError);
  });
});

function readerOf(tiles: ReadonlyMap<string, Buffer>): LogClaim['readTile'] & object {
  return ({ level, index, width }) =>
    tiles.get(`${level}/${index}`)?.subarray(0, width * 32) ?? new Uint8Array();
}
