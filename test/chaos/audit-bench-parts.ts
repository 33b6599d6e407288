// What bench/audit.ts measures, and what it measures it with.
export { EntryRepository } from '../../libs/audit/src/query/entry-repository.js';
export { EntrySearch } from '../../libs/audit/src/query/entry-search.js';
export { EntryStatistics } from '../../libs/audit/src/query/entry-statistics.js';
export { TileDirectory } from '../../libs/audit/src/log/tile-directory.js';
export { openTestLog, type TestLog } from '../../libs/audit/src/testing/test-log.js';
export { alice, issued } from '../../libs/audit/src/testing/sample-events.js';
export { PlainInserts } from './audit-plain-inserts.js';
export { DatabaseVerifier } from '../../libs/audit/src/verify/database-verifier.js';
