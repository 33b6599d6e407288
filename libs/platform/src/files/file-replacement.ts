import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import {
  type FileHandle,
  open,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';
import { errorCode } from '../errors/error-code.js';

const READABLE_BY_OWNER = 0o400;
const READABLE_BY_ALL = 0o004;
const PERMISSIONS = 0o777;
/** Of a folder in which only their owners may replace files. */
const STICKY = 0o1000;

/**
 * Replaces a file as a whole: a crash leaves the former content or the new one. The file that a symbolic link
 * names is replaced, not the link. The new file has the owner, the group and the mode of the former one as
 * far as this user may give them; the first has the owner of its folder.
 *
 * @param mode of the first file, before the umask
 * @throws Error of Node with a `code`; the former file is left as it is. `EPERM` also when its owner
 *   could not read the new one
 */
export async function replaceFile(path: string, content: string, mode = 0o644): Promise<void> {
  const draft = await Draft.open(path, mode);
  await draft.complete(content);
}

/**
 * Tries everything that `replaceFile` does but the last step, and leaves nothing behind.
 *
 * @throws Error of Node with a `code`, as `replaceFile`
 */
export async function assertReplaceable(path: string): Promise<void> {
  const draft = await Draft.open(path, 0o600);
  try {
    await refuseFullDisk(draft.target);
    await refuseMountPoint(draft.target);
  } finally {
    await draft.discard();
  }
}

/** The new file beside the one that it replaces. */
class Draft {
  private constructor(
    readonly target: string,
    private readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async open(path: string, mode: number): Promise<Draft> {
    const target = await linked(path);
    const folder = await stat(dirname(target));
    const former = await stat(target).catch(undefinedIfMissing);
    if (former) refuseIrreplaceable(former, folder);
    // Random: containers that share the folder may have the same process id.
    const draftPath = `${target}.${randomUUID()}.new`;
    const draft = new Draft(target, draftPath, await open(draftPath, 'wx', mode));
    try {
      await draft.#inherit(former, folder);
      return draft;
    } catch (error) {
      await draft.discard();
      throw error;
    }
  }

  async complete(content: string): Promise<void> {
    try {
      await this.file.writeFile(content);
      await this.file.sync();
      await this.file.close();
      await rename(this.path, this.target);
    } catch (error) {
      await this.discard();
      throw error;
    }
  }

  async discard(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.path, { force: true }).catch(() => undefined);
  }

  async #inherit(former: Stats | undefined, folder: Stats): Promise<void> {
    await this.#inheritOwner(former, folder);
    if (!former) return;
    await this.#inheritMode(former);
    if (!isReadableAs(former, await this.file.stat()))
      throw refusal('EPERM', 'its owner could not read the new file');
  }

  /** The first file may have another group than its folder. */
  async #inheritOwner(former: Stats | undefined, folder: Stats): Promise<void> {
    const mine = await this.file.stat();
    const { uid, gid } = former ?? folder;
    // A network share may refuse to set even what is set already.
    if (mine.uid === uid && (!former || mine.gid === gid)) return;
    if (await this.#tryToGive(uid, gid)) return;
    await this.#tryToGive(mine.uid, gid);
  }

  async #tryToGive(uid: number, gid: number): Promise<boolean> {
    return this.file.chown(uid, gid).then(
      () => true,
      () => false,
    );
  }

  async #inheritMode(former: Stats): Promise<void> {
    const { mode } = await this.file.stat();
    const wanted = former.mode & PERMISSIONS;
    if ((mode & PERMISSIONS) !== wanted) await this.file.chmod(wanted).catch(() => undefined);
  }
}

/** The path without links; of a link to a file that is not there yet, the path of that file. */
async function linked(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const link = await readlink(path).catch(() => undefined);
    if (link === undefined || errorCode(error) !== 'ENOENT') return path;
    if (isAbsolute(link)) return linked(link);
    // Not normalised: `..` is above the folder in which the link really lies, and above no missing one.
    return linked(`${await realpath(dirname(path))}/${link}`);
  }
}

function refuseIrreplaceable(former: Stats, folder: Stats): void {
  if (former.isDirectory()) throw refusal('EISDIR', 'it is a folder');
  if (!former.isFile()) throw refusal('EINVAL', 'it is not a regular file');
  const user = process.geteuid?.() ?? 0;
  if (user === 0 || former.uid === user) return;
  if ((folder.mode & STICKY) !== 0 && folder.uid !== user)
    throw refusal('EPERM', 'only its owner may replace it in this folder');
}

async function refuseFullDisk(path: string): Promise<void> {
  const { blocks, bavail, files, ffree } = await statfs(dirname(path));
  if ((blocks > 0 && bavail === 0) || (files > 0 && ffree === 0))
    throw refusal('ENOSPC', 'the volume has no free space');
}

/** Linux says where mounts are; `rename` fails over one. */
async function refuseMountPoint(path: string): Promise<void> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  const points = mounts.split('\n').map((line) => unescaped(line.split(' ')[4] ?? ''));
  if (points.includes(path))
    throw refusal('EBUSY', 'it is mounted alone: mount its folder instead');
}

/** The kernel writes blanks and backslashes of a path as octal numbers. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_match, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** A group that this user may not give is lost; the owner never is. */
function isReadableAs(former: Stats, now: Stats): boolean {
  if ((now.mode & READABLE_BY_ALL) !== 0) return true;
  if ((former.mode & READABLE_BY_ALL) !== 0) return false;
  return former.uid === now.uid || (former.mode & READABLE_BY_OWNER) === 0;
}

function refusal(code: string, reason: string): Error {
  return Object.assign(new Error(`${code}: ${reason}`), { code });
}

function undefinedIfMissing(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
