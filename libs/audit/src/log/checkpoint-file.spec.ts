import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { asUser } from '#libs/platform/testing';
import {
  NoteSigner,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  signCheckpoint,
} from '#libs/transparency-log';
import { CheckpointFileUnreadable } from '../errors.js';
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

  it('keeps its mode, whatever the umask of the process is', async () => {
    const path = join(folder, 'checkpoint');
    await writeFile(path, checkpoint(4));
    await chmod(path, 0o640);
    withUmask(0o077);
    await new CheckpointFile(path, open).write(checkpoint(5));
    expect((await stat(path)).mode & 0o777).toBe(0o640);
  });

  describe.skipIf(process.getuid?.() !== 0)('written by another user', () => {
    it('keeps its owner when root writes it', async () => {
      const path = join(folder, 'checkpoint');
      await writeFile(path, checkpoint(4), { mode: 0o600 });
      await chown(path, API_USER, API_USER);
      withUmask(0o077);
      await new CheckpointFile(path, open).write(checkpoint(5));
      expect(await stat(path)).toMatchObject({ uid: API_USER, gid: API_USER, mode: 0o100_600 });
    });

    it('is the folder’s owner’s when root writes the first', async () => {
      await chown(folder, API_USER, API_USER);
      withUmask(0o077);
      await new CheckpointFile(join(folder, 'checkpoint'), open).write(checkpoint(5));
      expect(await stat(join(folder, 'checkpoint'))).toMatchObject({ uid: API_USER });
    });

    it('is left alone by a user whose file its owner could not read', async () => {
      const path = join(folder, 'checkpoint');
      await chmod(folder, 0o777);
      await writeFile(path, checkpoint(4));
      await chown(path, API_USER, OTHER_USER);
      await chmod(path, 0o640);
      const file = new CheckpointFile(path, open);
      await asUser(OTHER_USER, async () => {
        await expect(file.write(checkpoint(5))).rejects.toThrow('EPERM');
      });
      expect(await file.read()).toBe(checkpoint(4));
      expect(await readdir(folder)).toEqual(['checkpoint']);
    });

    it('is replaced by a user whose file everybody can read', async () => {
      const path = join(folder, 'checkpoint');
      await chmod(folder, 0o777);
      await writeFile(path, checkpoint(4));
      await chown(path, API_USER, API_USER);
      const file = new CheckpointFile(path, open);
      await asUser(OTHER_USER, async () => file.write(checkpoint(5)));
      expect(await stat(path)).toMatchObject({ uid: OTHER_USER, mode: 0o100_644 });
    });

    it('names itself and the reason when it can not be read', async () => {
      const path = join(folder, 'checkpoint');
      await chmod(folder, 0o755);
      await writeFile(path, checkpoint(4), { mode: 0o600 });
      const file = new CheckpointFile(path, open);
      await asUser(OTHER_USER, async () => {
        await expect(file.read()).rejects.toThrow(new CheckpointFileUnreadable('EACCES'));
      });
    });
  });

  it('names itself and the reason when it is a folder', async () => {
    const path = join(folder, 'checkpoint');
    await mkdir(path);
    await expect(new CheckpointFile(path, open).read()).rejects.toThrow(
      'AUDIT_CHECKPOINT_FILE can not be read (EISDIR)',
    );
  });

  it('may be made empty beforehand, for its user', async () => {
    const path = join(folder, 'checkpoint');
    await writeFile(path, '');
    const file = new CheckpointFile(path, open);
    expect(await file.read()).toBeUndefined();
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

const API_USER = 54_321;
const OTHER_USER = 54_322;

/** Until the end of the test. */
function withUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => void process.umask(before));
}

/** A checkpoint that is signed by a stranger. */
function forged(size: number, origin: string): string {
  const stranger = new NoteSigner(origin, Buffer.alloc(32, 2));
  return signCheckpoint({ origin, size, root: Buffer.alloc(32, 3) }, [stranger]);
}
