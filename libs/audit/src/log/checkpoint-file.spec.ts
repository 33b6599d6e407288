import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NoteSigner, parseCheckpoint, parseNote, signCheckpoint } from '#libs/transparency-log';
import { CheckpointFile } from './checkpoint-file.js';

const signer = new NoteSigner('example.com/audit', Buffer.alloc(32, 1));

function checkpoint(size: number): string {
  return signCheckpoint({ origin: 'example.com/audit', size, root: Buffer.alloc(32, size) }, [
    signer,
  ]);
}

describe('CheckpointFile', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acs-identity-checkpoint-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('is never partial with concurrent writers, and ends with the latest checkpoint', async () => {
    const path = join(folder, 'checkpoint');
    const writers = [1, 2, 3, 4].map(() => new CheckpointFile(path));
    const over = new AbortController();
    const reading = (async () => {
      while (!over.signal.aborted) {
        const text = await new CheckpointFile(path).read();
        if (text !== undefined) parseCheckpoint(parseNote(text).text);
        await new Promise(setImmediate);
      }
    })();
    for (let size = 1; size <= 40; size += 1) {
      await Promise.all(writers.map(async (writer) => writer.write(checkpoint(size))));
    }
    over.abort();
    await reading;
    expect(await new CheckpointFile(path).read()).toBe(checkpoint(40));
    expect(await readdir(folder)).toEqual(['checkpoint']);
  });

  it('is never replaced by an earlier checkpoint', async () => {
    const file = new CheckpointFile(join(folder, 'checkpoint'));
    await file.write(checkpoint(5));
    await file.write(checkpoint(4));
    expect(await file.read()).toBe(checkpoint(5));
  });
});
