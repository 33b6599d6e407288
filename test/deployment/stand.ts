import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import { serverAccount } from '../../apps/local/src/postgres/server-files.js';
import { repositoryRoot } from '../support/root.js';
import { type ComposeService, composeFile, serviceOf } from './compose-file.js';

const run = promisify(execFile);
const compose = composeFile('docker-compose.yml');
/** Where the package of Debian and Ubuntu has it. */
export const HAPROXY = '/usr/sbin/haproxy';
const PROGRAMS: Readonly<Record<string, string>> = {
  'bin/acs-identity.js': 'dist/bin/acs-identity.js',
  'bin/api.js': 'dist/bin/api.js',
};

/**
 * The services of docker-compose.yml as processes of this machine, without Docker: the same commands, environments
 * and files, in which each service is at a port of 127.0.0.1 in place of its name. Prometheus and Grafana are left
 * out.
 */
export class Stand {
  readonly #processes: ChildProcess[] = [];
  readonly #addresses = new Map<string, string>();
  #postgres: LocalPostgres | undefined;

  private constructor(private readonly folder: string) {}

  static async create(): Promise<Stand> {
    const stand = new Stand(await mkdtemp(join(tmpdir(), 'acs-identity-stand-')));
    await chmod(stand.folder, 0o755);
    return stand;
  }

  /** Starts the server with the roles of the stand. */
  async startPostgres(): Promise<void> {
    this.#postgres = await LocalPostgres.start({
      directory: join(this.folder, 'postgres'),
      password: serviceOf(compose, 'postgres').environment.POSTGRES_PASSWORD ?? '',
      isDurable: false,
    });
    this.#addresses.set('postgres:5432', `127.0.0.1:${this.#postgres.port}`);
    // One by one, as psql does: a database can't be created in a transaction.
    for (const statement of (await read('deploy/compose/roles.sql')).split(';\n')) {
      if (statement.trim() !== '') await this.#postgres.execute(statement);
    }
  }

  async startPgBouncer(): Promise<void> {
    const port = await this.#portOf('pgbouncer:6432');
    const { port: server } = new URL(`tcp://${this.#local('postgres:5432')}`);
    const users = await this.#write('users.txt', await read('deploy/compose/pgbouncer-users.txt'));
    const settings = (await read('deploy/compose/pgbouncer.ini'))
      .replace('host=postgres port=5432', `host=127.0.0.1 port=${server}`)
      .replace(/listen_port = \d+/, `listen_port = ${port}`)
      .replace(/auth_file = .*/, `auth_file = ${users}`);
    const file = await this.#write('pgbouncer.ini', settings);
    this.#start('/usr/sbin/pgbouncer', ['-q', file], {}, await serverAccount());
  }

  async startEmulator(): Promise<void> {
    const { command } = serviceOf(compose, 'emulator');
    const words: string[] = [];
    for (const word of command.slice(1)) {
      const [, flag, wanted = ''] = /^(--[\w-]+-port)=(\d+)$/.exec(word) ?? [];
      if (flag === undefined) {
        words.push(
          word
            .replace('/home/node', this.folder)
            .replace('--public-host=emulator', '--public-host=127.0.0.1'),
        );
      } else {
        words.push(`${flag}=${await this.#portOf(`emulator:${wanted}`)}`);
      }
    }
    this.#start(process.execPath, words);
  }

  /** Runs the health check of a service. @returns whether it is healthy */
  isHealthy(name: string): boolean {
    const [, , ...words] = serviceOf(compose, name).healthcheck?.test ?? [];
    const local = words.map((word) => this.#local(word, name));
    const { status } = spawnSync(process.execPath, local, { stdio: 'ignore' });
    return status === 0;
  }

  /** Runs the job that migrates. @returns what it printed */
  async migrate(): Promise<string> {
    const { command, environment } = serviceOf(compose, 'migration');
    const { stdout, stderr } = await run(process.execPath, this.#program(command), {
      cwd: repositoryRoot,
      env: this.#environment(environment),
    });
    return stdout + stderr;
  }

  async startReplicas(): Promise<void> {
    const { deploy, environment } = serviceOf(compose, 'api');
    for (let nth = 1; nth <= (deploy?.replicas ?? 1); nth += 1) {
      const port = await this.#portOf(nth === 1 ? 'api:3000' : `api-${nth}:3000`);
      this.#start(process.execPath, this.#program(['bin/api.js']), {
        ...environment,
        PORT: String(port),
        // The proxy is a process of the same machine here.
        TRUSTED_PROXIES: '127.0.0.1',
        LOG_LEVEL: 'error',
      });
    }
  }

  /** @returns the address of the service for callers */
  async startProxy(): Promise<string> {
    const port = await freePort();
    const replicas = [...this.#addresses.entries()]
      .filter(([name]) => name.startsWith('api'))
      .map(([name, address]) => `  server ${name.split(':')[0] ?? ''} ${address}`);
    const settings = (await read('deploy/compose/haproxy.cfg'))
      .replace('bind :8080', `bind 127.0.0.1:${port}`)
      .replace(/^ {2}server-template .*$/m, replicas.join('\n'))
      // The name server of Docker is not here.
      .replace('resolvers docker init-addr none', '');
    this.#start(HAPROXY, ['-db', '-f', await this.#write('haproxy.cfg', settings)]);
    return `http://127.0.0.1:${port}`;
  }

  /** @returns an Entra token of a sample person, from the command that docker-compose.yml names */
  async token(person: string): Promise<string> {
    const { environment } = serviceOf(compose, 'emulator');
    const { stdout } = await run(process.execPath, ['dist/apps/local/src/token.js', person], {
      cwd: repositoryRoot,
      env: this.#environment(environment, 'emulator'),
    });
    return stdout.trim();
  }

  async stop(): Promise<void> {
    for (const child of this.#processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
    }
    await this.#postgres?.remove();
    await rm(this.folder, { recursive: true, force: true });
  }

  #start(
    program: string,
    words: readonly string[],
    environment: ComposeService['environment'] = {},
    account?: { uid: number; gid: number },
  ): void {
    const child = spawn(program, words, {
      cwd: repositoryRoot,
      env: this.#environment(environment),
      stdio: ['ignore', 'ignore', 'inherit'],
      ...account,
    });
    this.#processes.push(child);
  }

  #program([file = '', ...words]: readonly string[]): string[] {
    return [PROGRAMS[file] ?? file, ...words];
  }

  #environment(given: ComposeService['environment'], own = ''): NodeJS.ProcessEnv {
    const local = Object.entries(given).map(
      ([name, value]) => [name, this.#local(value, own)] as const,
    );
    return { PATH: process.env.PATH, ...Object.fromEntries<string>(local) };
  }

  /** A text with the addresses of this machine. @param own service that 127.0.0.1 stands for */
  #local(text: string, own = ''): string {
    let local = text.replace('/emulator/emulator', join(this.folder, 'emulator'));
    for (const [name, address] of this.#addresses) {
      const [service = '', port = ''] = name.split(':');
      if (service === own) local = local.replace(`127.0.0.1:${port}`, address);
      local = local.replace(name, address);
    }
    return local;
  }

  async #portOf(name: string): Promise<number> {
    const port = await freePort();
    this.#addresses.set(name, `127.0.0.1:${port}`);
    return port;
  }

  async #write(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await writeFile(path, text);
    const account = await serverAccount();
    if (account) await chown(path, account.uid, account.gid);
    return path;
  }
}

async function read(path: string): Promise<string> {
  return readFile(join(repositoryRoot, path), 'utf8');
}
