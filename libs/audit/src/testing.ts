export { type AuditTrailHarness, describeAuditTrail } from './testing/audit-trail.contract.js';
export { MemoryAuditTrail, newestEntriesOf } from './testing/memory-audit-trail.js';
export { alice, denied, issued } from './testing/sample-events.js';
export { openTestLog, type TestLog, TEST_SIGNING_SEED } from './testing/test-log.js';
export { TestVerifier } from './testing/test-verifier.js';
