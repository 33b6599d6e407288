import type { TestProject } from 'vitest/node';
import { startTestCluster, type TestCluster } from './test-cluster.js';

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: TestCluster;
  }
}

/** Vitest's global set-up: one PostgreSQL server for the run, migrated once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startTestCluster();
  const { superuserUrl, port } = postgres;
  project.provide('cluster', { superuserUrl, port });
  return async () => {
    await postgres.remove();
  };
}
