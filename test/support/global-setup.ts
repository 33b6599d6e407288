import type { TestProject } from 'vitest/node';
import { startTestCluster, type TestCluster } from './test-cluster.js';

declare module 'vitest' {
  export interface ProvidedContext {
    cluster: TestCluster;
  }
}

/** Vitest's global set-up: one cluster a run, migrated once. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startTestCluster();
  project.provide('cluster', { superuserUrl: postgres.url('postgres'), port: postgres.port });
  return async () => {
    await postgres.remove();
  };
}
