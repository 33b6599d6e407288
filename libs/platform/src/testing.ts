export { asUser } from './testing/as-user.js';
export { communicationUserIdOf } from './testing/communication-user-id-of.js';
export { MemoryLogger } from './testing/memory-logger.js';
export { ManualClock } from './testing/manual-clock.js';
export { newGuid } from './testing/new-guid.js';
export {
  cloneDatabase,
  TEST_CLUSTER,
  type TestCluster,
  testDatabase,
  type TestDatabase,
} from './testing/test-database.js';
export { ConnectProxy, type ProxyFault } from './testing/connect-proxy.js';
