import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeEntryBundle,
  NoteSigner,
  openCheckpoint,
  parseTilePath,
  signCheckpoint,
  TILE_WIDTH,
} from '#libs/transparency-log';
import { MemoryLog, sampleEntries } from '#libs/transparency-log/testing';
import { CheckpointNotWitnessed, CopyContradicted } from '../errors.js';
import { type LogSource, TileDirectory } from './tile-directory.js';

const origin = 'example.com/audit';
const signer = new NoteSigner(origin, Buffer.alloc(32, 1));

/** A log of `size` entries; from `forkedAt` on they are others. */
function logOf(size: number, forkedAt = size): MemoryLog {
  const log = new MemoryLog();
  log.append([
    ...sampleEntries(forkedAt),
    ...Array.from({ length: size - forkedAt }, (_, nth) => Buffer.from(`fork ${nth}`)),
  ]);
  return log;
}

/** @param failsAt number of the read that fails, as when the connection is lost */
function sourceOf(
  log: MemoryLog,
  { failsAt = Infinity, name = origin, by = signer } = {},
): LogSource {
  let reads = 0;
  return {
    checkpoint: async () => {
      const { size } = log.frontier;
      const note = { origin: name, size, root: log.frontier.root() };
      return Promise.resolve({ size, checkpoint: signCheckpoint(note, [by]) });
    },
    witnessedCheckpoint: async () => Promise.reject(new CheckpointNotWitnessed()),
    resource: async (path) => {
      reads += 1;
      if (reads >= failsAt) throw new Error('connection lost');
      const address = parseTilePath(path);
      const from = address.index * TILE_WIDTH;
      return Promise.resolve(
        address.kind === 'tile'
          ? Buffer.from(await log.readTile(address))
          : Buffer.from(encodeEntryBundle(log.entries.slice(from, from + address.width))),
      );
    },
  };
}

describe('TileDirectory.copy', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acs-identity-copy-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  const content = async (): Promise<Record<string, string>> => {
    const files = await readdir(folder, { recursive: true, withFileTypes: true });
    const texts = files
      .filter((file) => file.isFile())
      .map(async ({ parentPath, name }): Promise<[string, string]> => {
        const path = join(parentPath, name);
        return [path, await readFile(path, 'base64')];
      });
    return Object.fromEntries(await Promise.all(texts));
  };

  it.each([
    ['rolled back to an older head', logOf(500), 'shorter'],
    ['cut to nothing', logOf(0), 'shorter'],
    ['of the same size with other entries', logOf(600, 599), 'another one'],
    ['replaced from its first entry on', logOf(600, 0), 'another one'],
    ['rolled back, then continued otherwise', logOf(700, 500), 'another one'],
    ['continued otherwise far beyond', logOf(70_000, 599), 'another one'],
  ])('refuses a log that was %s and leaves the copy as it was', async (_what, other, finding) => {
    const copy = new TileDirectory(folder);
    await copy.copy(sourceOf(logOf(600)));
    const before = await content();
    const refused = copy.copy(sourceOf(other));
    await expect(refused).rejects.toThrow(CopyContradicted);
    await expect(refused).rejects.toThrow(finding);
    expect(await content()).toEqual(before);
  });

  it('refuses a log of another name or key', async () => {
    const copy = new TileDirectory(folder);
    await copy.copy(sourceOf(logOf(600)));
    const before = await content();
    const name = 'example.com/other';
    await expect(copy.copy(sourceOf(logOf(700), { name }))).rejects.toThrow(CopyContradicted);
    const by = new NoteSigner(origin, Buffer.alloc(32, 2));
    const trust = { origin, verifiers: [signer.verifier] };
    const open = (note: string) => openCheckpoint(note, trust).checkpoint;
    await expect(copy.copy(sourceOf(logOf(700), { by }), undefined, open)).rejects.toThrow(
      'no trusted key',
    );
    expect(await content()).toEqual(before);
  });

  it('refuses a log that contradicts the checkpoint of a copy that was interrupted', async () => {
    const copy = new TileDirectory(folder);
    await copy.copy(sourceOf(logOf(500)));
    await expect(copy.copy(sourceOf(logOf(900), { failsAt: 6 }))).rejects.toThrow('lost');
    const before = await content();
    await expect(copy.copy(sourceOf(logOf(800)))).rejects.toThrow(CopyContradicted);
    await expect(copy.copy(sourceOf(logOf(1000, 850)))).rejects.toThrow(CopyContradicted);
    expect(await content()).toEqual(before);
    expect(await copy.copy(sourceOf(logOf(1000)))).toBe(1000);
  });

  it('accepts a log that continues the copy', async () => {
    const copy = new TileDirectory(folder);
    for (const size of [0, 1, 300, 300, 512, 70_000]) {
      expect(await copy.copy(sourceOf(logOf(size)))).toBe(size);
    }
    expect(await readdir(folder)).toEqual(['checkpoint', 'tile']);
  });
});
