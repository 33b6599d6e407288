import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { asUser } from '../testing/as-user.js';
import { assertReplaceable, replaceFile } from './file-replacement.js';

const OTHER_USER = 54_322;
const TEAM = 54_323;

describe('replaceFile', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acs-identity-replacement-'));
    path = join(folder, 'file');
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('leaves nothing but the new content', async () => {
    await replaceFile(path, 'first');
    await replaceFile(path, 'second');
    expect(await readFile(path, 'utf8')).toBe('second');
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('replaces the file that a link names, not the link', async () => {
    await mkdir(join(folder, 'share'));
    await writeFile(join(folder, 'share', 'real'), 'former');
    await symlink(join('share', 'real'), path);
    await replaceFile(path, 'new');
    expect(await readFile(join(folder, 'share', 'real'), 'utf8')).toBe('new');
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
  });

  it('makes the file that a link names and that is not there yet', async () => {
    await symlink('later', path);
    await replaceFile(path, 'new');
    expect(await readFile(join(folder, 'later'), 'utf8')).toBe('new');
  });

  it('takes a link to a file that is not there yet from the folder in which it lies, which a link may name', async () => {
    await mkdir(join(folder, 'volume', 'data'), { recursive: true });
    await symlink(join('volume', 'data'), join(folder, 'data'));
    await symlink(join('..', 'later'), join(folder, 'data', 'file'));
    await replaceFile(join(folder, 'data', 'file'), 'new');
    expect(await readFile(join(folder, 'data', 'file'), 'utf8')).toBe('new');
    expect(await readdir(folder)).toEqual(['data', 'volume']);
  });

  it('refuses a link through a folder that is not there, as the kernel does', async () => {
    await symlink('nowhere/../later', path);
    await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('names the missing folder of a link', async () => {
    await symlink('/nowhere/at/all', path);
    await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['a device', async () => symlink('/dev/null', path), 'EINVAL'],
    ['a folder', async () => mkdir(path), 'EISDIR'],
  ])('refuses %s', async (_what, prepare, code) => {
    await prepare();
    await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code });
    await expect(assertReplaceable(path)).rejects.toMatchObject({ code });
  });

  it('works where neither mode nor owner may be set, as on Azure Files', async () => {
    await writeFile(path, 'former', { mode: 0o777 });
    const handle = await fs.open(path);
    const prototype = Object.getPrototypeOf(handle) as typeof handle;
    await handle.close();
    const refused = Object.assign(new Error('not permitted'), { code: 'EPERM' });
    for (const method of ['chmod', 'chown'] as const) {
      const spy = vi.spyOn(prototype, method).mockRejectedValue(refused);
      onTestFinished(() => {
        spy.mockRestore();
      });
    }
    await replaceFile(path, 'new');
    expect(await readFile(path, 'utf8')).toBe('new');
  });

  it('leaves the former file on a full disk, and nothing else', async () => {
    await writeFile(path, 'former');
    const full = Object.assign(await fs.statfs(folder), { bavail: 0 });
    const spy = vi.spyOn(fs, 'statfs').mockResolvedValue(full);
    syncBuiltinESMExports();
    onTestFinished(() => {
      spy.mockRestore();
      syncBuiltinESMExports();
    });
    await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await readdir(folder)).toEqual(['file']);
    expect(await readFile(path, 'utf8')).toBe('former');
  });

  it('finds a file that is mounted alone', async () => {
    const spy = vi.spyOn(fs, 'readFile').mockResolvedValue(`36 35 98:0 /x ${path} rw - ext4 d rw`);
    syncBuiltinESMExports();
    onTestFinished(() => {
      spy.mockRestore();
      syncBuiltinESMExports();
    });
    await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'EBUSY' });
  });

  it('is found possible without a trace', async () => {
    await assertReplaceable(path);
    expect(await readdir(folder)).toEqual([]);
    await writeFile(path, 'former');
    await assertReplaceable(path);
    expect(await readFile(path, 'utf8')).toBe('former');
    expect(await readdir(folder)).toEqual(['file']);
  });

  describe.skipIf(process.getuid?.() !== 0)('as another user', () => {
    it('keeps the group of a file that this user may give it to', async () => {
      await chown(folder, OTHER_USER, OTHER_USER);
      await writeFile(path, 'former', { mode: 0o640 });
      await chown(path, OTHER_USER, TEAM);
      await replaceFile(path, 'new');
      expect(await stat(path)).toMatchObject({ uid: OTHER_USER, gid: TEAM, mode: 0o100_640 });
    });

    it('finds the same that it does', async () => {
      await chmod(folder, 0o755);
      await asUser(OTHER_USER, async () => {
        await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'EACCES' });
        await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code: 'EACCES' });
      });
      await chmod(folder, 0o1777);
      await writeFile(path, 'former', { mode: 0o666 });
      await asUser(OTHER_USER, async () => {
        await expect(assertReplaceable(path)).rejects.toMatchObject({ code: 'EPERM' });
        await expect(replaceFile(path, 'new')).rejects.toMatchObject({ code: 'EPERM' });
      });
      expect(await readdir(folder)).toEqual(['file']);
    });
  });
});
