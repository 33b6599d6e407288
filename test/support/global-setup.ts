import type { TestProject } from 'vitest/node';
import { startPgBouncer } from './pgbouncer.js';
import { startTestCluster } from './test-cluster.js';

/**
 * Vitest's global set-up: one PostgreSQL server for the run, migrated once. `TEST_DATABASE_PROXY=pgbouncer`
 * puts PgBouncer between the server and the role of the service.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startTestCluster();
  const { superuserUrl, port } = postgres;
  const pooler =
    process.env.TEST_DATABASE_PROXY === 'pgbouncer' ? await startPgBouncer(port) : undefined;
  project.provide('cluster', {
    superuserUrl,
    port,
    ...(pooler && { servicePort: pooler.port }),
  });
  return async () => {
    await pooler?.stop();
    await postgres.remove();
  };
}
