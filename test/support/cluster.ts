import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../apps/cli/src/actions/migrate.js';
import { LocalPostgres } from '../../apps/local/src/postgres/local-postgres.js';

/** A cluster with a migrated template database, shared by all spec files of a run. */
export interface TestCluster {
  readonly superuserUrl: string;
  readonly port: number;
}

const PASSWORD = 'test';
const OWNER = 'identity_owner';
const SERVICE = 'identity_service';
const TEMPLATE = 'identity_template';

/** Starts a cluster with its roles and the template; fast rather than durable unless told otherwise. */
export async function startTestCluster(isDurable = false): Promise<LocalPostgres> {
  const directory = join(tmpdir(), `acs-identity-test-${randomBytes(6).toString('hex')}`);
  const postgres = await LocalPostgres.start({
    directory,
    password: PASSWORD,
    isDurable,
    settings: { max_connections: '300' },
  });
  await postgres.execute(`CREATE ROLE ${OWNER} LOGIN PASSWORD '${PASSWORD}'`);
  await postgres.execute(`CREATE ROLE ${SERVICE} LOGIN PASSWORD '${PASSWORD}'`);
  await postgres.execute(`CREATE DATABASE ${TEMPLATE} OWNER ${OWNER}`);
  await migrate({ databaseUrl: postgres.url(TEMPLATE, OWNER), serviceRole: SERVICE });
  return postgres;
}

export interface TestDatabase {
  readonly name: string;
  /** Owns the schema; migrates. */
  readonly ownerUrl: string;
  /** What the service works as. */
  readonly serviceUrl: string;
  readonly superuserUrl: string;
  drop(): Promise<void>;
}

/** Clones a database from the migrated template. */
export async function cloneDatabase(cluster: TestCluster): Promise<TestDatabase> {
  const name = `identity_${randomBytes(6).toString('hex')}`;
  await execute(cluster, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER ${OWNER}`);
  const url = (user: string): string =>
    `postgres://${user}:${PASSWORD}@127.0.0.1:${cluster.port}/${name}`;
  return {
    name,
    ownerUrl: url(OWNER),
    serviceUrl: url(SERVICE),
    superuserUrl: url('postgres'),
    drop: async () => execute(cluster, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function execute({ superuserUrl }: TestCluster, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
