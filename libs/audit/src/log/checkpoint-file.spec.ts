import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  NoteSigner,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  signCheckpoint,
} from '#libs/transparency-log';
import { CheckpointFile } from './checkpoint-file.js';

const signer = new NoteSigner('example.com/audit', Buffer.alloc(32, 1));

const open = async (note: string) =>
  Promise.resolve(
    openCheckpoint(note, { origin: 'example.com/audit', verifiers: [signer.verifier] }).checkpoint,
  );

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
    const writers = [1, 2, 3, 4].map(() => new CheckpointFile(path, open, 0));
    const over = new AbortController();
    const reading = (async () => {
      while (!over.signal.aborted) {
        const text = await new CheckpointFile(path, open).read();
        if (text !== undefined) parseCheckpoint(parseNote(text).text);
        await new Promise(setImmediate);
      }
    })();
    for (let size = 1; size <= 40; size += 1) {
      await Promise.all(writers.map(async (writer) => writer.write(checkpoint(size))));
    }
    over.abort();
    await reading;
    expect(await new CheckpointFile(path, open).read()).toBe(checkpoint(40));
    expect(await readdir(folder)).toEqual(['checkpoint']);
  });

  it('writes of many checkpoints the first and the latest, which it does not lose at the end', async () => {
    let opened = 0;
    const file = new CheckpointFile(
      join(folder, 'checkpoint'),
      async (note) => {
        opened += 1;
        return open(note);
      },
      3_600_000,
    );
    await file.write(checkpoint(1));
    const later = Array.from({ length: 50 }, async (_, n) => file.write(checkpoint(n + 2)));
    expect(await file.read()).toBe(checkpoint(1));
    await file.close();
    await Promise.all(later);
    expect(await file.read()).toBe(checkpoint(51));
    // Each write opens the new checkpoint and the stored one.
    expect(opened).toBeLessThanOrEqual(4);
    await file.write(checkpoint(52));
    expect(await file.read()).toBe(checkpoint(52));
  });

  it('is never replaced by an earlier checkpoint', async () => {
    const file = new CheckpointFile(join(folder, 'checkpoint'), open);
    await file.write(checkpoint(5));
    await file.write(checkpoint(4));
    expect(await file.read()).toBe(checkpoint(5));
  });

  it.each([
    ['an unsigned checkpoint', checkpoint(9_999).split('\n\n')[0] ?? ''],
    ['a signed one with another size', checkpoint(4).replace('\n4\n', '\n9999\n')],
    ['one of another key', forged(9_999, 'example.com/audit')],
    ['one of another log', forged(9_999, 'example.com/other')],
    ['a text before a signed one', `example.com/audit\n9999\n\n${checkpoint(4)}`],
    ['no checkpoint', 'nothing'],
    ['nothing', ''],
  ])('does not believe %s, and replaces it', async (_what, text) => {
    const path = join(folder, 'checkpoint');
    await writeFile(path, text);
    const file = new CheckpointFile(path, open);
    await file.write(checkpoint(5));
    expect(await file.read()).toBe(checkpoint(5));
  });

  it('is not replaced by a checkpoint that the log has not signed', async () => {
    const file = new CheckpointFile(join(folder, 'checkpoint'), open);
    await file.write(checkpoint(5));
    await expect(file.write(forged(9_999, 'example.com/audit'))).rejects.toThrow();
    expect(await file.read()).toBe(checkpoint(5));
  });
});

/** A checkpoint that is signed by a stranger. */
function forged(size: number, origin: string): string {
  const stranger = new NoteSigner(origin, Buffer.alloc(32, 2));
  return signCheckpoint({ origin, size, root: Buffer.alloc(32, 3) }, [stranger]);
}
