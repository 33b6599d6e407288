// What bench/audit.ts measures, and what it measures it with.
export { EntryRows } from '../../libs/audit/src/entry-rows.js';
export { EntrySearch } from '../../libs/audit/src/entry-search.js';
export { EntryStatistics } from '../../libs/audit/src/entry-statistics.js';
export { LogFolder } from '../../libs/audit/src/log-folder.js';
export { openTestLog, openTestReader, type TestLog } from '../../libs/audit/test/audit-log.js';
export { alice, issued } from '../../libs/audit/test/sample-events.js';
export { PlainInserts } from './audit-plain-inserts.js';
export { DatabaseVerifier } from '../../libs/audit/src/verify/database-verifier.js';
