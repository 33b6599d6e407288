import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trustedIssuers } from './trusted-issuers.js';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trusted-issuers-'));
});
afterAll(async () => rm(folder, { recursive: true }));

async function read(content: string | Buffer) {
  const path = join(folder, 'issuers.json');
  await writeFile(path, content);
  return trustedIssuers.safeParse(path);
}

describe('trustedIssuers', () => {
  it.each(['[]', '\ufeff[]'])('reads a file, also behind a byte order mark', async (text) => {
    expect((await read(text)).data).toEqual([]);
  });

  it.each([
    ['a member twice', '[{"tenant":"secret-a","tenant":"secret-b"}]', 'has a member twice'],
    ['invalid UTF-8', Buffer.from([0x5b, 0xff, 0x5d]), 'is not valid UTF-8'],
    ['two byte order marks', '\ufeff\ufeff[]', 'is not well-formed JSON'],
    ['a control character', '[{"tenant":"secret\\u0000"}]', 'has a control character'],
    ['a lone surrogate', '[{"tenant":"secret\\ud800"}]', 'has a lone surrogate'],
  ])('refuses %s, in the setting as in a file', async (_what, content, fault) => {
    const inFile = await read(content);
    expect(inFile.error?.issues[0]?.message).toContain(`(it ${fault}`);
    expect(inFile.error?.message).not.toContain('secret');
    if (typeof content === 'string' && content.startsWith('[')) {
      const { error } = trustedIssuers.safeParse(content);
      expect(error?.issues[0]?.message).toBe(inFile.error?.issues[0]?.message);
    }
  });
});
