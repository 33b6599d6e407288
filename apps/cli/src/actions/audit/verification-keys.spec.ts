import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NoteSigner, signCheckpoint } from '#libs/transparency-log';
import { readCheckpoint } from './verification-keys.js';

const origin = 'log.example/restored';
const key = new NoteSigner(origin, Buffer.alloc(32, 1));
const earlier = new NoteSigner('log.example/audit', Buffer.alloc(32, 2));
const keys = {
  origin,
  verifiers: [key.verifier],
  retired: [{ verifier: earlier.verifier, untilSize: 69 }],
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-keys-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function fileOf(size: number, signer: NoteSigner, name: string): Promise<string> {
  const path = join(folder, `${size}-${name.replaceAll('/', '-')}`);
  const checkpoint = { origin: name, size, root: Buffer.alloc(32, 3) };
  await writeFile(path, signCheckpoint(checkpoint, [signer]));
  return path;
}

describe('readCheckpoint', () => {
  it('names the size from which the log was continued without the entries of the checkpoint', async () => {
    const lost = await fileOf(125, earlier, 'log.example/audit');
    const read = () => readCheckpoint(lost, keys);
    expect(read).toThrow(/signed it at 125 entries and is retired since the log had 69/);
    expect(read).toThrow(/keep the file, and see docs\/restoring\.md/);
    expect(read).not.toThrow(/take all lines/);
  });

  it('names all keys of the log as the remedy when none of those given has signed', async () => {
    const foreign = await fileOf(5, new NoteSigner(origin, Buffer.alloc(32, 9)), origin);
    expect(() => readCheckpoint(foreign, keys)).toThrow(/take all lines/);
  });

  it.runIf(existsSync('/dev/zero'))('reads no more of a file than a checkpoint may have', () => {
    expect(() => readCheckpoint('/dev/zero', keys)).toThrow(/at most \d+ bytes/);
  });
});
