import { canonicalName } from '#libs/platform';
import pg from 'pg';
import {
  cloneDatabase,
  ManualClock,
  type TestCluster,
  type TestDatabase,
} from '#libs/platform/testing';
import { alice, issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { ReadingDatabase } from '#libs/platform';
import { EntryStatistics } from '../libs/audit/src/query/entry-statistics.js';
import { whole } from './figures.js';

const DAYS = 20;
const DAY_MS = 24 * 3_600_000;
/** Entries of one commit are recorded in the same millisecond, so a small log needs many commits too. */
const COMMITS = 2500;
const PEOPLE = 5000;

/** A log with entries of twenty days, written by the service's own code. */
export async function filledLog(cluster: TestCluster, size: number): Promise<TestLog> {
  return fillLog(await cloneDatabase(cluster), size);
}

/** The same in a database whose log is empty. */
export async function fillLog(database: TestDatabase, size: number): Promise<TestLog> {
  const startedAt = performance.now();
  const clock = new ManualClock(Date.now() - DAYS * DAY_MS);
  const log = await openTestLog(database.serviceUrl, {
    clock,
    databaseTimeoutMs: 120_000,
    timeoutMs: DAY_MS, // the clock advances while entries are stored
  });
  const perCommit = Math.ceil(size / COMMITS);
  let previous: Promise<unknown> = Promise.resolve();
  for (let done = 0; done < size; done += perCommit) {
    const count = Math.min(perCommit, size - done);
    const recorded = log.trail.recordAll(
      Array.from({ length: count }, (_, nth) => entryAt(done + nth, size)),
    );
    // One batch is prepared while the previous one is stored.
    await previous;
    previous = recorded;
    await clock.advance(Math.floor((DAYS * DAY_MS * count) / size));
  }
  await previous;
  const statistics = new EntryStatistics(log.get(ReadingDatabase));
  while (await statistics.rollUp());
  await analyse(database.superuserUrl);
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`filled ${whole(size)} entries in ${seconds.toFixed(0)} s`);
  return log;
}

/** An entry that differs from others; a person always has the same identity, as in a mapping. */
export function entryAt(nth: number, size: number): ReturnType<typeof issued> {
  const plain = issued(nth, {
    ...alice,
    subject: canonicalName(subjectOf(nth)),
    clientApp: canonicalName(`application-${nth % 8}`),
    tenant: canonicalName(nth % 10 === 3 ? `tenant-${nth % 200}` : alice.tenant),
    tokenId: tokenIdOf(nth),
    isGuest: nth % 13 === 5,
    displayName: nameOf(nth),
  });
  const event = {
    ...plain,
    policy: { rule: nth % 7 === 1 ? 'guests' : 'default', version: `${1 + (nth % 3)}` },
    ...(plain.request && { request: { ...plain.request, traceId: traceIdOf(nth) } }),
    ...(plain.token && nth % 3 === 1 && { token: { ...plain.token, scopes: ['voip'] as const } }),
  };
  const target = {
    ...event.target,
    ...identityOf(nth),
    ...(nth % 11 === 2 && { resource: 'secondary' }),
    ...(nth % 20 === 9 && otherTarget(nth)),
  };
  const isRare = nth === Math.floor(size / 3);
  if (isRare) {
    const reason = { code: 'policy-refused', detail: 'a singular occurrence' };
    return { ...event, target, action: 'identity.suspend', outcome: 'failure', reason };
  }
  if (nth % 50 !== 7) return { ...event, target };
  return { ...event, target, outcome: 'denied', reason: { code: 'policy-refused' } };
}

/** Ten entries come with the same token of a caller. */
export function tokenIdOf(nth: number): string {
  return `uti-${Math.floor(nth / 10)}`;
}

export function traceIdOf(nth: number): string {
  return (nth + 1).toString(16).padStart(32, '0');
}

export function nameOf(nth: number): string {
  return `Person ${nth % PEOPLE}`;
}

export function subjectOf(nth: number): string {
  return `person-${nth % PEOPLE}`;
}

/** The target of one in twenty entries, which is another person than the actor. */
export function otherTarget(nth: number): { readonly subject: string } {
  return { subject: `target-${nth % 1000}` };
}

export function identityOf(nth: number): {
  readonly identityId: string;
  readonly communicationUserId: string;
} {
  const hex = (nth % PEOPLE).toString(16).padStart(12, '0');
  return {
    identityId: `01890000-0000-7000-8000-${hex}`,
    communicationUserId: `8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_00000010-0000-0000-0000-${hex}`,
  };
}

/** Does at once what autovacuum does within minutes. */
async function analyse(superuserUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  await client.query('VACUUM (ANALYZE) audit_entry, audit_personal, audit_head, audit_tile');
  await client.end();
}
