import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createServer } from 'node:net';
import pg from 'pg';
import { isAlive } from '../is-alive.js';
import { type PostgresPrograms, type ServerFiles, prepareServerFiles } from './server-files.js';

const SUPERUSER = 'postgres';

export interface LocalPostgresOptions {
  /** Folder of the data; initialised when empty. */
  readonly directory: string;
  /** Password of the superuser; always the same for the same data. */
  readonly password: string;
  /** Loopback port. Default: a free one. */
  readonly port?: number;
  /** Default true. False gives up durability for speed, for tests that don't depend on it. */
  readonly isDurable?: boolean;
  /** Of another version. Default: the PostgreSQL that npm installed. */
  readonly programs?: PostgresPrograms;
  /** Further server settings, such as `max_connections`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL server on a loopback port, run from the programs that npm installed. */
export class LocalPostgres {
  private constructor(
    private server: ChildProcess,
    private readonly files: ServerFiles,
    private readonly options: LocalPostgresOptions,
    readonly port: number,
  ) {}

  /** Starts a server and waits until it accepts connections. */
  static async start(options: LocalPostgresOptions): Promise<LocalPostgres> {
    const files = await prepareServerFiles(options.directory, options.programs);
    if ((await readdir(files.data)).length === 0) await initialise(files, options.password);
    else await stopOrphan(files);
    const port = options.port ?? (await freePort());
    const server = await launch(files, options, port);
    return new LocalPostgres(server, files, options, port);
  }

  /** Id of the postmaster, the parent of the server's other processes. */
  get processId(): number {
    if (this.server.pid === undefined) throw new Error('PostgreSQL was not started');
    return this.server.pid;
  }

  /** Address of the database `postgres` for the superuser. */
  get superuserUrl(): string {
    return this.url('postgres');
  }

  /** @returns the address of a database for the superuser, or another role */
  url(database: string, user = SUPERUSER, password = this.options.password): string {
    return `postgres://${user}:${password}@127.0.0.1:${this.port}/${database}`;
  }

  /** Runs SQL as the superuser. */
  async execute(sql: string, database = 'postgres'): Promise<void> {
    await execute(this.url(database), sql);
  }

  /** Stops the server as a power failure would: nothing is flushed. */
  async crash(): Promise<void> {
    await stopServer(this.server, 'SIGQUIT');
  }

  /** Starts a stopped or crashed server again on the same port. */
  async restart(): Promise<void> {
    this.server = await launch(this.files, this.options, this.port);
  }

  /** Stops the server and its connections; the data remain. */
  async stop(): Promise<void> {
    await stopServer(this.server, 'SIGINT');
  }

  /** Stops the server and deletes its data. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.files.data, { recursive: true, force: true });
    await rm(this.options.directory, { recursive: true, force: true });
  }
}

/** Runs SQL, of several statements too, on a connection of its own. @returns the rows of one statement */
export async function execute(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** @returns a loopback port that no process listens on at the moment */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was assigned');
  return address.port;
}

async function initialise(files: ServerFiles, password: string): Promise<void> {
  // Beside the data and moved there at the end: an interrupted start leaves nothing that looks complete.
  const draft = `${files.data}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  if (files.account) await chown(draft, files.account.uid, files.account.gid);
  const passwordFile = join(files.data, '..', `.password-${process.pid}`);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  try {
    if (files.account) await chown(passwordFile, files.account.uid, files.account.gid);
    const child = spawn(
      files.initdb,
      [
        `--pgdata=${draft}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { ...files.account, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const output = errorOutput(child);
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`PostgreSQL could not be initialised: ${output()}`);
    await rmdir(files.data);
    await rename(draft, files.data);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

/** Stops a server that still runs on the data, because the process that started it was killed. */
async function stopOrphan({ data }: ServerFiles): Promise<void> {
  const lock = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const [processId = '', directory] = lock.split('\n');
  if (directory !== data || !isAlive(Number(processId))) return;
  process.kill(Number(processId), 'SIGINT');
  while (isAlive(Number(processId))) await setTimeout(50);
}

async function launch(
  files: ServerFiles,
  { isDurable = true, settings = {} }: LocalPostgresOptions,
  port: number,
): Promise<ChildProcess> {
  const all: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    log_min_messages: 'log',
    ...(isDurable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...settings,
  };
  const child = spawn(
    files.postgres,
    [
      '-D',
      files.data,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // A process group of its own: Ctrl-C reaches this process only, which stops the server last.
    { ...files.account, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  stopAtExit(child);
  stopAfterKill(child);
  const output = errorOutput(child);
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', () => {
      // A standby accepts read-only ones.
      if (/database system is ready to accept (read-only )?connections/.test(output())) resolve();
    });
    child.once('error', reject);
    child.once('close', () => {
      reject(new Error(`PostgreSQL did not start: ${output()}`));
    });
  });
  return child;
}

/** Stops the server when this process exits, after an uncaught error too. */
function stopAtExit(server: ChildProcess): void {
  const stop = (): void => {
    server.kill('SIGINT');
  };
  process.once('exit', stop);
  server.once('exit', () => process.off('exit', stop));
}

/** Stops the server when this process is killed: a shell reads from a pipe that then ends. */
function stopAfterKill(server: ChildProcess): void {
  if (process.platform === 'win32') return;
  const guard = spawn(
    '/bin/sh',
    ['-c', 'trap "" INT TERM HUP; read -r _; kill -INT "$1"', 'sh', String(server.pid)],
    { detached: true, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  server.once('exit', () => guard.kill('SIGKILL'));
}

async function stopServer(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, 'exit');
  server.kill(signal);
  await exit;
}

/** The last 4,000 characters of a program's error output. */
function errorOutput(child: ChildProcess): () => string {
  let collected = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    collected = (collected + chunk).slice(-4_000);
  });
  return () => collected.trim();
}
