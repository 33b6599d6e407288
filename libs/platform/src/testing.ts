export { MemoryLogger } from './logging/memory-logger.js';
export { ManualClock } from './time/manual-clock.js';
export {
  cloneDatabase,
  TEST_CLUSTER,
  type TestCluster,
  testDatabase,
  type TestDatabase,
} from './testing/test-database.js';
