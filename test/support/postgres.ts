import { inject } from 'vitest';
import { cloneDatabase, type TestDatabase } from './test-cluster.js';

export type { TestDatabase } from './test-cluster.js';

/** Clones a migrated database for one spec file, which drops it in the end. */
export async function testDatabase(): Promise<TestDatabase> {
  return cloneDatabase(inject('cluster'));
}
