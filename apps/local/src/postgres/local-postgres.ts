import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../free-port.js';
import { isAlive } from '../is-alive.js';
import { type PostgresHome, preparePostgresHome } from './postgres-home.js';

const SUPERUSER = 'postgres';

export interface LocalPostgresOptions {
  /** Where the data lie; initialised when empty. */
  readonly directory: string;
  /** Password of the superuser; must stay the same for the same data. */
  readonly password: string;
  /** Give up durability for speed: for tests that don't ask about it. */
  readonly isDurable?: boolean;
  /** Further server settings, such as `max_connections`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL server of our own on a free loopback port, from the programs that npm installed. */
export class LocalPostgres {
  private constructor(
    private server: ChildProcess,
    private readonly home: PostgresHome,
    private readonly options: LocalPostgresOptions,
    readonly port: number,
  ) {}

  /** Starts a server and waits until it takes connections. */
  static async start(options: LocalPostgresOptions): Promise<LocalPostgres> {
    const home = await preparePostgresHome(options.directory);
    if ((await readdir(home.data)).length === 0) await initialise(home, options.password);
    else await endForgotten(home);
    const port = await freePort();
    const server = await launch(home, options, port);
    return new LocalPostgres(server, home, options, port);
  }

  /** Id of the server's first process, the parent of the others. */
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
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** Ends the server as a power cut would: nothing is flushed. */
  async crash(): Promise<void> {
    await ended(this.server, 'SIGQUIT');
  }

  /** Starts a stopped or crashed server again on the same port. */
  async restart(): Promise<void> {
    this.server = await launch(this.home, this.options, this.port);
  }

  /** Stops the server, ending its connections; the data stay. */
  async stop(): Promise<void> {
    await ended(this.server, 'SIGINT');
  }

  /** Stops the server and deletes its data. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.home.data, { recursive: true, force: true });
    await rm(this.options.directory, { recursive: true, force: true });
  }
}

async function initialise(home: PostgresHome, password: string): Promise<void> {
  const passwordFile = join(home.data, '..', `.password-${process.pid}`);
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  try {
    if (home.account) await chown(passwordFile, home.account.uid, home.account.gid);
    const child = spawn(
      home.initdb,
      [
        `--pgdata=${home.data}`,
        `--username=${SUPERUSER}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
      ],
      { ...home.account, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const complaints = text(child);
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`PostgreSQL could not be initialised: ${complaints()}`);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/** Ends a server that still runs on the data because whoever started it was killed. */
async function endForgotten({ data }: PostgresHome): Promise<void> {
  const lock = await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '');
  const [processId = '', directory] = lock.split('\n');
  if (directory !== data || !isAlive(Number(processId))) return;
  process.kill(Number(processId), 'SIGINT');
  while (isAlive(Number(processId))) await setTimeout(50);
}

async function launch(
  home: PostgresHome,
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
    home.postgres,
    [
      '-D',
      home.data,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    // Its own process group: Ctrl-C reaches us alone, and we stop the server when its users are gone.
    { ...home.account, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  endWithUs(child);
  const complaints = text(child);
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', () => {
      if (complaints().includes('database system is ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('close', () => {
      reject(new Error(`PostgreSQL did not start: ${complaints()}`));
    });
  });
  return child;
}

/** A starter that falls over an error of its own leaves no server behind. */
function endWithUs(server: ChildProcess): void {
  const end = (): void => {
    server.kill('SIGINT');
  };
  process.once('exit', end);
  server.once('exit', () => process.off('exit', end));
}

async function ended(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, 'exit');
  server.kill(signal);
  await exit;
}

/** The last of what a program complained about. */
function text(child: ChildProcess): () => string {
  let collected = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    collected = (collected + chunk).slice(-4_000);
  });
  return () => collected.trim();
}
