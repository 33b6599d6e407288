import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BasicConstraintsExtension, X509CertificateGenerator } from '@peculiar/x509';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';
import type { LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';
import { serverAccount } from '../../apps/local/src/postgres/server-files.js';
import {
  Database,
  databaseSettings,
  DatabaseUnavailable,
  dataSourceOptions,
  parseDatabaseAddress,
  type PasswordSource,
  readSettings,
} from '#libs/platform';
import { ManualClock, MemoryLogger } from '#libs/platform/testing';
import { type AzureCredential, SettingsDatabaseCredential } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';
import { DelayProxy } from '../support/delay-proxy.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { newPerson, requestToken } from '../support/tokens-api.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const QUERY = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

let folder: string;
let postgres: LocalPostgres;
/** A self-signed certificate that the server trusts, and its key. */
let client: { certificate: string; key: string };

function file(name: string): string {
  return join(folder, name);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-tls-'));
  const account = await serverAccount();
  const identity = await serverIdentity(new StateFolder(file('ca')), []);
  const other = await serverIdentity(new StateFolder(file('other')), []);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=identity_service',
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - 86_400_000),
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [new BasicConstraintsExtension(true)],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  client = {
    certificate: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64')}\n-----END PRIVATE KEY-----\n`,
  };
  const files = {
    'ca.pem': identity.caPem,
    'other.pem': other.caPem,
    'server.pem': identity.certificate,
    'server.key': identity.key,
    'clients.pem': client.certificate,
    'client.pem': client.certificate,
    'client.key': client.key,
    'hba.conf':
      'hostssl certified all all scram-sha-256 clientcert=verify-ca\n' +
      'host all all all scram-sha-256\n' +
      'local all all scram-sha-256\n',
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(file(name), text, { mode: 0o600 });
    if (account) await chown(file(name), account.uid, account.gid);
  }
  if (account) await chown(folder, account.uid, account.gid);
  postgres = await startTestCluster(false, {
    settings: {
      ssl: 'on',
      ssl_cert_file: file('server.pem'),
      ssl_key_file: file('server.key'),
      ssl_ca_file: file('clients.pem'),
      hba_file: file('hba.conf'),
      unix_socket_directories: folder,
    },
  });
  await postgres.execute('CREATE DATABASE certified');
});

afterAll(async () => {
  await postgres.remove();
  await rm(folder, { recursive: true, force: true });
});

function open(url: string, credential?: PasswordSource): Database {
  const source = new DataSource(
    dataSourceOptions({ url, credential, poolSize: 2, timeoutMs: 15_000 }),
  );
  onTestFinished(async () => {
    if (source.isInitialized) await source.destroy();
  });
  return new Database(source);
}

function withTls(query: string, host = 'localhost', database = 'postgres'): string {
  return `${postgres.url(database).replace('127.0.0.1', host)}?${query}`;
}

async function outcomeOf(url: string): Promise<unknown> {
  return open(url)
    .query<{ ssl: boolean }>(QUERY)
    .then(
      ([row]) => (row?.ssl ? 'TLS' : 'no TLS'),
      (error: unknown) => ['DatabaseUnavailable', reasonOf(error)],
    );
}

function reasonOf(error: unknown): string {
  expect(error).toBeInstanceOf(DatabaseUnavailable);
  return ((error as DatabaseUnavailable).cause as Error).message; // of `ConnectionFailed`
}

function unavailable(reason: string): readonly unknown[] {
  return ['DatabaseUnavailable', expect.stringContaining(reason)];
}

describe('sslmode of DATABASE_URL', () => {
  it.each<[string, string, unknown]>([
    ['localhost', 'sslmode=disable', 'no TLS'],
    ['localhost', 'sslmode=prefer', 'TLS'],
    ['localhost', 'sslmode=no-verify', 'TLS'],
    ['localhost', 'sslmode=require', unavailable('not trusted: set sslrootcert')],
    ['localhost', 'sslmode=require&sslrootcert=%ca.pem', 'TLS'],
    ['localhost', 'sslmode=require&uselibpqcompat=true', 'TLS'],
    ['localhost', 'sslmode=verify-full&sslrootcert=%ca.pem', 'TLS'],
    ['localhost', 'sslmode=verify-full&sslrootcert=%other.pem', unavailable('not trusted')],
    ['localhost', 'sslmode=verify-full&sslrootcert=system', unavailable('not trusted')],
    ['127.0.0.2', 'sslmode=verify-full&sslrootcert=%ca.pem', unavailable('for another name')],
    ['127.0.0.2', 'sslmode=verify-ca&sslrootcert=%ca.pem', 'TLS'],
    ['localhost', 'sslmode=verify-ca&sslrootcert=%other.pem', unavailable('not trusted')],
  ])('%s, %s', async (host, query, expected) => {
    const url = withTls(query.replace('%', `${folder}/`), host);
    // The server listens on one address; a name for it that its certificate has not is reached by a proxy.
    expect(await outcomeOf(host === 'localhost' ? url : await elsewhere(url))).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ['sslmode=prefer', 'no TLS'],
    ['sslmode=require', unavailable('it offers no TLS')],
    ['sslmode=verify-full', unavailable('it offers no TLS')],
  ])('%s, at a server without TLS', async (query, expected) => {
    expect(await outcomeOf(`${inject('cluster').superuserUrl}?${query}`)).toEqual(expected);
  });

  it('with a client certificate, where the server requires one', async () => {
    const verified = `sslmode=verify-full&sslrootcert=${file('ca.pem')}`;
    const own = (name: string) => `&sslcert=${file(`${name}.pem`)}&sslkey=${file(`${name}.key`)}`;
    const at = async (query: string) => outcomeOf(withTls(query, 'localhost', 'certified'));
    expect(await at(verified + own('client'))).toBe('TLS');
    expect(await at(verified)).toEqual(unavailable('requires a client certificate'));
    expect(await at(verified + own('server'))).toEqual(
      unavailable('refuses the client certificate'),
    );
  });

  it.each([
    ['sslmode=verify-fully', 'sslmode must be one of disable'],
    [
      'sslmode=verify-full&sslrootcert=/none.pem',
      'the file of sslrootcert can not be read (ENOENT)',
    ],
    ['target_session_attrs=standby', 'target_session_attrs must be read-write'],
  ])('%s is a fault of the configuration', (query, fault) => {
    const environment = { DATABASE_URL: `postgres://role:secret@host/db?${query}` };
    expect(() => readSettings([databaseSettings], environment)).toThrow(fault);
    expect(() => readSettings([databaseSettings], environment)).not.toThrow('secret');
  });

  it('with the CA of the server: a process issues tokens over it', async () => {
    const service = await Service.start({ cluster: postgres, replicas: 0 });
    onTestFinished(async () => service.stop());
    const person = await newPerson(service);
    const url = service.database.serviceUrl.replace('127.0.0.1', 'localhost');
    const api = await service.addApi({
      DATABASE_URL: `${url}?sslmode=verify-full&sslrootcert=${file('ca.pem')}`,
    });
    await expect
      .poll(async () => (await requestToken(service, person, {}, api.url)).status)
      .toBe(200);
  });
});

describe('a Unix socket, and a password with characters of addresses', () => {
  it.each<[string, (credentials: string) => string]>([
    ['by the parameter host', (who) => `postgres://${who}@/postgres?host=${folder}`],
    [
      'by the parameter host beside a host',
      (who) => `postgres://${who}@localhost/postgres?host=${folder}`,
    ],
    ['as an encoded host', (who) => `postgres://${who}@${encodeURIComponent(folder)}/postgres`],
  ])('are taken, %s', async (_how, write) => {
    const password = `p@ss/w%rd:#?'`;
    const role = `socket_${Math.random().toString(36).slice(2)}`;
    await postgres.execute(`CREATE ROLE ${role} LOGIN PASSWORD '${password.replace("'", "''")}'`);
    const url = write(`${role}:${encodeURIComponent(password)}`);
    const withPort = `${url}${url.includes('?') ? '&' : '?'}port=${postgres.port}`;
    expect(await open(withPort).query('SELECT current_user::text AS role')).toEqual([{ role }]);
  });
});

/** The server under an address that its certificate has not. */
async function elsewhere(url: string): Promise<string> {
  const proxy = await DelayProxy.start({ targetPort: postgres.port, host: '127.0.0.2' });
  onTestFinished(async () => proxy.stop());
  return proxy.urlOf(url);
}

describe('several hosts in DATABASE_URL', () => {
  const PORT = 'SELECT inet_server_port() AS port';

  function address(...ports: number[]): string {
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
    return postgres.superuserUrl.replace(/127\.0\.0\.1:\d+/, hosts);
  }

  async function setReadOnly(value: 'on' | 'off'): Promise<void> {
    await postgres.execute(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await postgres.execute('SELECT pg_reload_conf()');
  }

  it('connects to the one that takes writes, and to its successor when it takes none any more', async () => {
    const { port } = inject('cluster');
    const proxy = await DelayProxy.start({ targetPort: port });
    onTestFinished(async () => proxy.stop());
    const successor = Number(new URL(proxy.urlOf(postgres.superuserUrl)).port);
    proxy.pause();
    const database = open(
      `${address(1, postgres.port, successor)}?target_session_attrs=read-write`,
    );
    expect(await database.query(PORT)).toEqual([{ port: postgres.port }]);
    proxy.resume();
    onTestFinished(async () => setReadOnly('off'));
    await setReadOnly('on');
    await expect
      .poll(async () => {
        const write =
          'CREATE TEMPORARY TABLE probe ON COMMIT DROP AS SELECT inet_server_port() AS port';
        await database.query(write).catch(() => undefined);
        return database.query(PORT).catch(String);
      })
      .toEqual([{ port }]);
  });

  it('is unavailable while none takes writes, and says why', async () => {
    onTestFinished(async () => setReadOnly('off'));
    await setReadOnly('on');
    await expect
      .poll(async () => outcomeOf(address(1, postgres.port)))
      .toEqual(
        unavailable(
          'no host takes writes: 127.0.0.1:1: it refuses the connection (ECONNREFUSED): check its address, the network and the firewall; it is read-only (25006)',
        ),
      );
  });

  it.each([
    ['postgres://u:p%40ss@a,b:6432,[::1]/db', ['a', 'b:6432', '::1']],
    [
      'postgres://u:p@/db?host=/run/one,/run/two&port=5432,5433',
      ['/run/one:5432', '/run/two:5433'],
    ],
    ['postgresql://u:p@h/db', ['h']],
  ])('%s', (url, hosts) => {
    const { hosts: found } = parseDatabaseAddress(url);
    expect(found.map(({ host, port }) => (port ? `${host}:${port}` : host))).toEqual(hosts);
  });
});

describe('a password that changes while the process runs', () => {
  const role = 'SELECT current_user::text AS role';

  function source(azure?: Pick<AzureCredential, 'getToken' | 'forgetTokens'>) {
    const none = { getToken: async () => Promise.resolve(null), forgetTokens: () => undefined };
    return new SettingsDatabaseCredential(
      {
        auth: azure ? 'entra' : 'password',
        passwordFile: azure ? undefined : file('password'),
        passwordSecret: undefined,
        entraScope: 'scope',
      },
      azure ?? none,
      new MemorySecretStore(new ManualClock()),
      new MemoryLogger(),
    ).source;
  }

  function urlOf(user: string): string {
    return postgres.url('postgres', user, '').replace(':@', '@');
  }

  function encryptedUrlOf(user: string): string {
    const tls = `?sslmode=verify-full&sslrootcert=${file('ca.pem')}`;
    return `${urlOf(user).replace('127.0.0.1', 'localhost')}${tls}`;
  }

  async function endConnections(user: string): Promise<void> {
    await postgres.execute(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${user}'`,
    );
  }

  it('is read from its file for each new connection', async () => {
    await postgres.execute(`CREATE ROLE rotating LOGIN PASSWORD 'first'`);
    await writeFile(file('password'), 'first\n');
    const database = open(urlOf('rotating'), source());
    expect(await database.query(role)).toEqual([{ role: 'rotating' }]);

    await postgres.execute(`ALTER ROLE rotating PASSWORD 'second'`);
    await endConnections('rotating');
    const reason = async () => database.query(role).then(() => 'connected', reasonOf);
    await expect.poll(reason).toContain('the password is refused (28P01)');
    await rm(file('password'));
    await expect.poll(reason).toContain('DATABASE_PASSWORD_FILE can not be read (ENOENT)');
    await writeFile(file('password'), 'second');
    await expect.poll(reason).toBe('connected');
  });

  it('is a token of Entra, sent with TLS only, and another one once the server refuses it', async () => {
    await postgres.execute(`CREATE ROLE tokens LOGIN PASSWORD 'first'`);
    let [issued, cached] = ['first', 'first'];
    const azure = {
      getToken: async () =>
        Promise.resolve({ token: cached, expiresOnTimestamp: Date.now() + 3_600_000 }),
      forgetTokens: () => void (cached = issued),
    };
    const inTheClear = open(urlOf('tokens'), source(azure)).query(role);
    await expect(inTheClear).rejects.toMatchObject({
      cause: { message: expect.stringContaining('must not be sent without TLS') },
    });
    const databases = [
      open(encryptedUrlOf('tokens'), source(azure)),
      // Of several hosts, the one that takes writes is found first.
      open(
        encryptedUrlOf('tokens').replace(`:${postgres.port}`, `:${postgres.port},localhost:1`),
        source(azure),
      ),
    ];
    for (const database of databases) {
      expect(await database.query(role)).toEqual([{ role: 'tokens' }]);
    }
    await postgres.execute(`ALTER ROLE tokens PASSWORD 'second'`);
    issued = 'second';
    await endConnections('tokens');
    for (const database of databases) {
      cached = 'first';
      await expect
        .poll(async () => database.query(role).catch(reasonOf))
        .toEqual([{ role: 'tokens' }]);
    }
    const none = {
      getToken: async () => Promise.resolve(null),
      forgetTokens: () => undefined,
    };
    await expect(open(encryptedUrlOf('tokens'), source(none)).query(role)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('Entra issues no token for it') },
    });
  });
});
