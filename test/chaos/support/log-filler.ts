import { DataSource } from 'typeorm';
import type { AuditEvent } from '#libs/audit';
import { alice, denied, issued, openTestLog, type TestLog } from '#libs/audit/testing';
import { canonicalName, dataSourceOptions, ReadingDatabase } from '#libs/platform';
import { ManualClock, type TestDatabase } from '#libs/platform/testing';
import { EntryStatistics } from '../../../libs/audit/src/query/entry-statistics.js';
import { PersonalDataEraser } from '../../../libs/audit/src/query/personal-data-eraser.js';
import type { Prng } from '../../support/prng.js';

/**
 * Fills a log with entries of people, services, operators and denials, with erased personal data,
 * several fingerprint keys, full tiles, commits of one and of many entries, and rolled-up statistics. No entry
 * is about a mapping.
 *
 * @param commits of past hours, of nine entries on average, every three minutes or so
 * @returns the number of its entries
 */
export async function fillLog(
  log: TestLog,
  { serviceUrl, ownerUrl }: Pick<TestDatabase, 'serviceUrl' | 'ownerUrl'>,
  prng: Prng,
  commits = 60,
): Promise<number> {
  const clock = new ManualClock(Date.now() - commits * 300_000);
  const past = await openTestLog(serviceUrl, { clock, origin: log.settings.origin });
  for (let commit = 0; commit < commits; commit += 1) {
    const many = prng.below(4) === 0 ? prng.below(60) + 1 : prng.below(3) + 1;
    await past.trail.recordAll(Array.from({ length: many }, () => randomEvent(prng)));
    await clock.advance(prng.below(400_000));
  }
  const eraser = new PersonalDataEraser(log.trail, log.get(ReadingDatabase));
  const actor = { kind: 'operator', name: 'operator' } as const;
  await eraser.erase({ tenant: alice.tenant, subject: canonicalName('person-1'), actor });
  await log.trail.recordAll(Array.from({ length: 300 }, () => randomEvent(prng)));
  for (let nth = 0; nth < 10; nth += 1) await log.trail.record(randomEvent(prng));
  const owner = new DataSource(
    dataSourceOptions({ url: ownerUrl, poolSize: 2, timeoutMs: 10_000 }),
  );
  const statistics = new EntryStatistics(new ReadingDatabase(owner));
  while (await statistics.rollUp());
  const [row] = await owner.query<{ size: string }[]>('SELECT max(size) AS size FROM audit_head');
  await owner.destroy();
  await past.close();
  return Number(row?.size ?? 0);
}

function randomEvent(prng: Prng): AuditEvent {
  const nth = prng.below(1000);
  const subject = canonicalName(`person-${nth % 5}`);
  const actor = { ...alice, subject, displayName: `Person ${nth % 5}` };
  const event = {
    ...issued(nth, actor),
    target: { ...alice, communicationUserId: `8:acs:${nth}` },
  };
  const key = `key-${nth % 3}`;
  const variants: readonly AuditEvent[] = [
    event,
    { ...event, ...(event.token && { token: { ...event.token, fingerprintKey: key } }) },
    denied(actor),
    {
      ...event,
      action: 'identity.link',
      target: { tenant: 't2', subject: 'bot' },
      displayName: 'Bot',
    },
    { action: 'policy.load', outcome: 'success', actor: { kind: 'system', name: 'api' } },
    {
      action: 'authentication.reject',
      outcome: 'denied',
      actor: { kind: 'unauthenticated' },
      reason: { code: 'invalid-token' },
      request: { requestId: `r${nth}`, clientAddress: '198.51.100.7', userAgent: 'curl/8' },
    },
  ];
  return prng.pick(variants);
}
