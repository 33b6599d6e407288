import { describe, expect, it } from 'vitest';
import { verifyContinuation } from './continuation.js';
import { ProofMismatch } from './errors.js';
import { MemoryLog, sampleEntries } from './testing.js';
import { TreeReader } from './tree-reader.js';
import type { TreeHead } from './verify-log.js';

const entries = sampleEntries(600);

function logOf(leaves: readonly Buffer[]): MemoryLog {
  const log = new MemoryLog();
  log.append(leaves);
  return log;
}

async function headOf(log: MemoryLog, size: number): Promise<TreeHead> {
  return { size, root: await new TreeReader(size, log.readTile).root() };
}

describe('verifyContinuation', () => {
  const log = logOf(entries);

  it.each([0, 1, 255, 256, 257, 599, 600])(
    'accepts a tree that continues one of %i leaves',
    async (size) => {
      const newer = await headOf(log, 600);
      await verifyContinuation(await headOf(log, size), newer, log.readTile);
    },
  );

  it.each([1, 255, 256, 257, 599, 600])(
    'rejects a tree that differs in the last of the first %i leaves',
    async (size) => {
      const forked = logOf(entries.with(size - 1, Buffer.from('another entry')));
      const older = await headOf(log, size);
      const attempt = verifyContinuation(older, await headOf(forked, 600), forked.readTile);
      await expect(attempt).rejects.toThrow(ProofMismatch);
      // Nor with the tiles of the true log.
      const mixed = verifyContinuation(older, await headOf(forked, 600), log.readTile);
      await expect(mixed).rejects.toThrow(ProofMismatch);
    },
  );

  it('rejects a shorter tree, also one that the older tree continues', async () => {
    const attempt = verifyContinuation(
      await headOf(log, 600),
      await headOf(log, 599),
      log.readTile,
    );
    await expect(attempt).rejects.toThrow(ProofMismatch);
  });

  it('rejects what tiles that are cut or missing can’t prove', async () => {
    const [older, newer] = [await headOf(log, 300), await headOf(log, 600)];
    for (const bytes of [0, 32, 33]) {
      const attempt = verifyContinuation(older, newer, () => Buffer.alloc(bytes));
      await expect(attempt).rejects.toThrow(ProofMismatch);
    }
  });

  it('does not take a failure to read tiles for a verdict on the log', async () => {
    const outage = new Error('the disk is away');
    const attempt = verifyContinuation(await headOf(log, 300), await headOf(log, 600), () => {
      throw outage;
    });
    await expect(attempt).rejects.toBe(outage);
  });
});
