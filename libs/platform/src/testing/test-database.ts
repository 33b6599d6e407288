import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

/** A PostgreSQL server with a migrated template database. All spec files of a run share one. */
export interface TestCluster {
  /** Address of the database `postgres` for the superuser. */
  readonly superuserUrl: string;
  readonly port: number;
  /** Port for the role of the service, if a pooler is in front of the server. */
  readonly servicePort?: number;
}

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: TestCluster;
  }
}

/** What the server of a `TestCluster` has: its roles, their password and the migrated template. */
export const TEST_CLUSTER = {
  password: 'test',
  ownerRole: 'identity_owner',
  serviceRole: 'identity_service',
  template: 'identity_template',
} as const;

export interface TestDatabase {
  readonly name: string;
  /** Address for the role that owns the schema and migrates. */
  readonly ownerUrl: string;
  /** Address for the role of the service. */
  readonly serviceUrl: string;
  readonly superuserUrl: string;
  /**
   * Ends its connections. Its files stay until the server is removed: on ext4, each file that is created while
   * hundreds were deleted just before costs a search past those, and a database has 300 files.
   */
  close(): Promise<void>;
}

/** Clones a migrated database for one spec file, which closes it at its end. */
export async function testDatabase(): Promise<TestDatabase> {
  return cloneDatabase(inject('cluster'));
}

/** Clones the migrated template of a server. */
export async function cloneDatabase(cluster: TestCluster): Promise<TestDatabase> {
  const { ownerRole, serviceRole, template, password } = TEST_CLUSTER;
  const name = `identity_${randomBytes(6).toString('hex')}`;
  await execute(cluster, `CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${ownerRole}`);
  const url = (role: string, port = cluster.port): string =>
    `postgres://${role}:${password}@127.0.0.1:${port}/${name}`;
  return {
    name,
    ownerUrl: url(ownerRole),
    serviceUrl: url(serviceRole, cluster.servicePort),
    superuserUrl: url('postgres'),
    close: async () =>
      execute(
        cluster,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
      ),
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
