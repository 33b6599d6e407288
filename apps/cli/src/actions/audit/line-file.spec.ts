import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineFile } from './line-file.js';

describe('LineFile', () => {
  let folder = '';
  let path = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acs-identity-lines-'));
    path = join(folder, 'lines');
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  async function append(lines: string, isContinued = true): Promise<string> {
    const file = await LineFile.open(path, { isContinued });
    try {
      await file.append(lines);
    } finally {
      await file.close();
    }
    return readFile(path, 'utf8');
  }

  it('creates a file for its owner, and appends to it', async () => {
    expect(await append('one\n', false)).toBe('one\n');
    expect(await append('two\nthree\n', false)).toBe('one\ntwo\nthree\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['behind lines', 'one\ntw', 'one\n'],
    ['in the first line', 'on', ''],
    ['longer than a block', `one\n${'é'.repeat(100_000)}`, 'one\n'],
  ])('removes a part of a line that a stopped run left: %s', async (_where, found, lines) => {
    await writeFile(path, found);
    expect(await append('two\n')).toBe(`${lines}two\n`);
  });

  it('refuses a part of a line that no run continues', async () => {
    await writeFile(path, 'one\ntw');
    await expect(append('two\n', false)).rejects.toThrow(`${path} ends within a line.`);
    expect(await readFile(path, 'utf8')).toBe('one\ntw');
  });

  it('knows whether the file has lines', async () => {
    await writeFile(path, 'part');
    const file = await LineFile.open(path, { isContinued: true });
    expect(file.isEmpty).toBe(true);
    await file.append('one\n');
    expect(file.isEmpty).toBe(false);
    await file.close();
  });

  it('has none of the lines of a write that failed', async () => {
    await writeFile(path, 'one\n');
    // A limit of the size of files in place of a full disk. Only a process of its own can have one.
    const program = `
      const { LineFile } = await import(${JSON.stringify(new URL('line-file.ts', import.meta.url))});
      const file = await LineFile.open(${JSON.stringify(path)}, { isContinued: true });
      await file.append('two\\n');
      await file.append('three\\n'.repeat(1000)).catch(({ code }) => console.log(code));
      await file.append('four\\n');`;
    const limited = `ulimit -f 1; trap '' XFSZ; exec "$0" --input-type=module --eval "$1"`;
    const { stdout } = await promisify(execFile)('bash', [
      ...['-c', limited, process.execPath, program],
    ]);
    expect(stdout).toBe('EFBIG\n');
    expect(await readFile(path, 'utf8')).toBe('one\ntwo\nfour\n');
  });
});
