import { inject } from 'vitest';
import { cloneDatabase, type TestDatabase } from './test-cluster.js';

export type { TestDatabase } from './test-cluster.js';

/** A migrated database of the spec file's own; it drops it itself. */
export async function testDatabase(): Promise<TestDatabase> {
  return cloneDatabase(inject('cluster'));
}
