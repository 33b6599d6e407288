import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testDatabase, type TestDatabase } from '../testing/test-database.js';
import { dataSourceOptions } from './data-source-options.js';
import { Database } from './database.js';
import { DatabaseUnavailable } from '../errors/storage-unavailable.js';

let place: TestDatabase;

beforeAll(async () => {
  place = await testDatabase();
  return async () => place.close();
});

const sources: DataSource[] = [];

afterAll(async () => {
  for (const source of sources) if (source.isInitialized) await source.destroy();
});

function open(url = place.serviceUrl, timeoutMs = 2_000): Database {
  const source = new DataSource(dataSourceOptions({ url, poolSize: 2, timeoutMs }));
  sources.push(source);
  return new Database(source);
}

describe('Database', () => {
  it('connects on first use, once for concurrent statements', async () => {
    const database = open();
    const answers = await Promise.all(
      [1, 2, 3].map(async (number) =>
        database.query<{ n: number }>('SELECT $1::int AS n', [number]),
      ),
    );
    expect(answers).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
  });

  it('is unavailable while no server listens', async () => {
    const database = open('postgres://nobody:x@127.0.0.1:1/none');
    await expect(database.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(database.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('ends a statement that exceeds its timeout', async () => {
    await expect(open(place.serviceUrl, 200).query('SELECT pg_sleep(20)')).rejects.toBeInstanceOf(
      DatabaseUnavailable,
    );
  });

  it('recovers from connections that the server closes', async () => {
    const database = open();
    await database.query('SELECT 1');
    await open(place.superuserUrl).query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await expect
      .poll(async () =>
        database.query('SELECT 1').then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it('replaces the connections of a time when the database took no writes', async () => {
    const own = await testDatabase();
    const administrator = open(own.superuserUrl);
    const setting = `DATABASE "${own.name}" SET default_transaction_read_only`;
    await administrator.query(`ALTER ${setting} = on`);
    const database = open(own.serviceUrl);
    const write = async () =>
      database.query<{ one: number }>(
        'CREATE TEMPORARY TABLE probe ON COMMIT DROP AS SELECT 1 AS one',
      );
    await expect(write()).rejects.toMatchObject({ cause: { code: '25006' } });
    await administrator.query(`ALTER ${setting} = off`);
    await expect
      .poll(async () =>
        write().then(
          () => 'written',
          (error: unknown) => error,
        ),
      )
      .toBe('written');
    await own.close();
  });

  it('is unavailable when the server closes the connection between two statements', async () => {
    const [database, administrator] = [open(), open(place.superuserUrl)];
    const failure = database.transaction(async (transaction) => {
      const [own] = await transaction.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
      await administrator.query('SELECT pg_terminate_backend($1)', [own?.pid]);
      await expect.poll(() => transaction.queryRunner?.isReleased).toBe(true);
      return transaction.query<unknown>('SELECT 1');
    });
    await expect(failure).rejects.toBeInstanceOf(DatabaseUnavailable);
  });

  it('survives a server that closes a connection right after it was made', async () => {
    const message = (type: string, body: string): Buffer => {
      const frame = Buffer.alloc(5);
      frame.write(type);
      frame.writeInt32BE(body.length + 4, 1);
      return Buffer.concat([frame, Buffer.from(body, 'latin1')]);
    };
    const greeting = [
      message('R', '\0\0\0\0'), // no password needed
      message('Z', 'I'), // ready
      message('E', 'SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
    ];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(Buffer.concat(greeting)));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // it listens on TCP
    const database = open(`postgres://nobody:x@127.0.0.1:${port}/none`);
    await expect(database.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
    server.close();
  });

  it('leaves connections whose server has become silent, and those that were idle meanwhile', async () => {
    const proxy = await SilentProxy.start(place.serviceUrl);
    try {
      const database = open(proxy.url, 500);
      await Promise.all([1, 2].map(async () => database.query('SELECT pg_sleep(0.1)')));
      expect(proxy.connections).toBe(2);
      proxy.silence();
      await expect(database.query('SELECT 1')).rejects.toBeInstanceOf(DatabaseUnavailable);
      await Promise.all([1, 2, 3].map(async () => database.query('SELECT 1')));

      const inTransaction = database.transaction(async (transaction) => {
        proxy.silence();
        await transaction.query('SELECT 1');
      });
      await expect(inTransaction).rejects.toBeInstanceOf(DatabaseUnavailable);
      await Promise.all([1, 2, 3].map(async () => database.query('SELECT 1')));
    } finally {
      await proxy.stop();
    }
  });

  it('passes a violated constraint through unchanged', async () => {
    const failure = open().query(
      `INSERT INTO mapping (id, resource, tenant, subject, kind, status)
       VALUES (gen_random_uuid(), 'r', 't', 's', 'ghost', 'pending')`,
    );
    await expect(failure).rejects.toMatchObject({ driverError: { code: '23514' } });
  });

  it('treats a missing table as an outage, not as a fault of the caller', async () => {
    await expect(open().query('SELECT * FROM not_there')).rejects.toBeInstanceOf(
      DatabaseUnavailable,
    );
  });
});

/** A way to a server on which connections become silent, as when its machine is gone. New ones are answered. */
class SilentProxy {
  connections = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(databaseUrl: string): Promise<SilentProxy> {
    const { port } = new URL(databaseUrl);
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(databaseUrl);
    url.port = String((server.address() as AddressInfo).port); // it listens on TCP
    const proxy = new SilentProxy(url.href, server);
    server.on('connection', (client) => {
      proxy.connections += 1;
      const target = connect(Number(port), '127.0.0.1');
      for (const socket of [client, target]) {
        proxy.#sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.pipe(target).pipe(client);
    });
    return proxy;
  }

  /** Of the connections that there are. */
  silence(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
