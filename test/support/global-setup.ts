import type { TestProject } from 'vitest/node';
import { startTestCluster } from './test-cluster.js';

/** Vitest's global set-up: one PostgreSQL server for the run, migrated once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startTestCluster();
  const { superuserUrl, port } = postgres;
  project.provide('cluster', { superuserUrl, port });
  return async () => {
    await postgres.remove();
  };
}
