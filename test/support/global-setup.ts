import type { TestProject } from 'vitest/node';
import { ConnectProxy } from '#libs/platform/testing';
import { hasPackagedChromium, unpackedChromium } from './chromium.js';
import { startPgBouncer } from './pgbouncer.js';
import { olderPostgresVersions, type PostgresVersion } from './postgres-versions.js';
import { PROXIED_HOST } from './service.js';
import { startTestCluster } from './test-cluster.js';

/**
 * Vitest's global set-up: Chromium, unpacked, and one PostgreSQL server for the run, migrated once. By environment
 * variables
 *
 * - `TEST_POSTGRES_VERSION=15` it is of another version,
 * - `TEST_DATABASE_PROXY=pgbouncer` puts PgBouncer between the server and the role of the service,
 * - `TEST_EGRESS_PROXY=yes` makes the emulator reachable through a CONNECT proxy only.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_POSTGRES_VERSION, TEST_DATABASE_PROXY, TEST_EGRESS_PROXY } = process.env;
  const version =
    TEST_POSTGRES_VERSION === undefined ? undefined : await olderVersion(TEST_POSTGRES_VERSION);
  const [postgres] = await Promise.all([
    startTestCluster(false, version && { programs: version.programs }),
    hasPackagedChromium && unpackedChromium(),
  ]);
  const { superuserUrl, port } = postgres;
  const pooler = TEST_DATABASE_PROXY === 'pgbouncer' ? await startPgBouncer(port) : undefined;
  const proxy =
    TEST_EGRESS_PROXY === 'yes' ? await ConnectProxy.start({ hosts: [PROXIED_HOST] }) : undefined;
  if (proxy) process.env.TEST_EGRESS_PROXY_URL = proxy.url;
  project.provide('cluster', {
    superuserUrl,
    port,
    ...(pooler && { servicePort: pooler.port }),
  });
  return async () => {
    await pooler?.stop();
    await postgres.remove();
    await proxy?.stop();
    const between = [
      ...(version ? [`PostgreSQL ${version.major}`] : []),
      ...(pooler ? ['PgBouncer'] : []),
      ...(proxy ? [`a CONNECT proxy, with ${proxy.targets.length} tunnels`] : []),
    ];
    if (between.length > 0) console.log(`The service ran behind ${between.join(', ')}.`);
    if (proxy?.targets.length === 0) throw new Error('nothing has gone through the CONNECT proxy');
  };
}

async function olderVersion(major: string): Promise<PostgresVersion> {
  const found = (await olderPostgresVersions()).find((one) => String(one.major) === major);
  if (!found) throw new Error(`PostgreSQL ${major} is not installed`);
  return found;
}
