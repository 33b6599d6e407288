import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cosigner } from '#libs/transparency-log';
import { NoWitnessKey, WitnessKeyExists } from './errors.js';
import { errorCode } from '#libs/platform';

const FILE = 'key';

/**
 * Makes the key of a witness and stores it in the folder, for this user only. The file has one line: the
 * name, a blank and the seed of the Ed25519 key in base64.
 *
 * @param name such as `witness.example.com/w1`
 * @throws WitnessKeyExists
 * @throws InvalidKey for a name that is not valid in a signature line
 */
export async function createWitnessKey(folder: string, name: string): Promise<Cosigner> {
  const seed = randomBytes(32);
  const cosigner = new Cosigner(name, seed);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, FILE);
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    if (errorCode(cause) === 'EEXIST') throw new WitnessKeyExists(path, { cause });
    throw cause;
  });
  try {
    await file.writeFile(`${name} ${seed.toString('base64')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return cosigner;
}

/** The key of the folder. @throws NoWitnessKey */
export async function readWitnessKey(folder: string): Promise<Cosigner> {
  const path = join(folder, FILE);
  try {
    const [, name = '', seed = ''] = /^(\S+) (\S+)\n$/.exec(await readFile(path, 'utf8')) ?? [];
    return new Cosigner(name, Buffer.from(seed, 'base64'));
  } catch (cause) {
    if (errorCode(cause) === 'EACCES') throw cause;
    throw new NoWitnessKey(path, { cause });
  }
}
