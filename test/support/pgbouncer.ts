import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../../apps/local/src/postgres/local-postgres.js';
import { serverAccount } from '../../apps/local/src/postgres/server-files.js';
import { TEST_CLUSTER } from '#libs/platform/testing';
import { until } from './until.js';

/** The program, which comes from the operating system. */
export const pgbouncerProgram = ['/usr/sbin', ...(process.env.PATH ?? '').split(delimiter)]
  .map((folder) => join(folder, 'pgbouncer'))
  .find((path) => existsSync(path));

if (pgbouncerProgram === undefined) {
  console.warn(
    'PgBouncer is not installed: tests of a pooler are skipped (apt-get install pgbouncer).',
  );
}

/** A PgBouncer in front of a server, with its default settings except for the mode. */
export interface PgBouncer {
  /** The same address by way of the pooler. */
  urlOf(databaseUrl: string): string;
  readonly port: number;
  stop(): Promise<void>;
}

/** @param targetPort of the server on 127.0.0.1 */
export async function startPgBouncer(
  targetPort: number,
  poolMode: 'transaction' | 'statement' = 'transaction',
): Promise<PgBouncer> {
  if (pgbouncerProgram === undefined) throw new Error('PgBouncer is not installed');
  const account = await serverAccount();
  const folder = await mkdtemp(join(tmpdir(), 'acs-identity-pgbouncer-'));
  const port = await freePort();
  const { ownerRole, serviceRole, password } = TEST_CLUSTER;
  const users = [ownerRole, serviceRole, 'postgres'].map((role) => `"${role}" "${password}"\n`);
  const settings = [
    '[databases]',
    `* = host=127.0.0.1 port=${targetPort}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = scram-sha-256',
    `auth_file = ${join(folder, 'users')}`,
    `pool_mode = ${poolMode}`,
    'max_client_conn = 1000', // of all specs of a run
  ];
  await writeFile(join(folder, 'users'), users.join(''));
  await writeFile(join(folder, 'ini'), `${settings.join('\n')}\n`);
  if (account) await chown(folder, account.uid, account.gid);
  const child = spawn(pgbouncerProgram, ['-q', join(folder, 'ini')], {
    ...account,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  await until('PgBouncer listens', 30_000, async () => isListening(port));
  return {
    port,
    urlOf: (databaseUrl) => {
      const url = new URL(databaseUrl);
      url.port = String(port);
      return url.href;
    },
    stop: async () => {
      process.off('exit', kill);
      const exit = once(child, 'exit');
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await exit;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function isListening(port: number): Promise<boolean> {
  const socket = createConnection(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
