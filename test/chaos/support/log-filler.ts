import { DataSource } from 'typeorm';
import type { AuditEvent } from '#libs/audit';
import { Database, dataSourceOptions, ManualClock } from '#libs/platform';
import { EntryStatistics } from '../../../libs/audit/src/query/entry-statistics.js';
import { PersonalDataEraser } from '../../../libs/audit/src/query/personal-data-eraser.js';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { alice, denied, issued } from '#libs/audit/testing';
import type { Prng } from '../../support/prng.js';

/**
 * Fills a log with all that a log can hold: people, services, operators, denials, erased persons,
 * several fingerprint keys, full tiles, commits of one and of many entries, hours that were counted.
 *
 * @returns its size
 */
export async function fillLog(log: TestLog, ownerUrl: string, random: Prng): Promise<number> {
  const clock = new ManualClock(Date.now() - 5 * 3_600_000);
  const past = openTestLog(urlOf(log), { clock });
  for (let commit = 0; commit < 60; commit += 1) {
    const many = random.below(4) === 0 ? random.below(60) + 1 : random.below(3) + 1;
    await past.trail.recordAll(Array.from({ length: many }, () => randomEvent(random)));
    await clock.advance(random.below(400_000));
  }
  const eraser = new PersonalDataEraser(log.trail, log.database);
  const actor = { kind: 'operator', name: 'drill' } as const;
  await eraser.erase({ tenant: alice.tenant, subject: 'person-1', actor });
  await log.trail.recordAll(Array.from({ length: 300 }, () => randomEvent(random)));
  for (let nth = 0; nth < 10; nth += 1) await log.trail.record(randomEvent(random));
  const owner = new DataSource(
    dataSourceOptions({ url: ownerUrl, poolSize: 2, timeoutMs: 10_000 }),
  );
  const statistics = new EntryStatistics(new Database(owner));
  while (await statistics.rollUp());
  const [row] = await owner.query<{ size: string }[]>('SELECT max(size) AS size FROM audit_head');
  await owner.destroy();
  await past.close();
  return Number(row?.size ?? 0);
}

function randomEvent(random: Prng): AuditEvent {
  const nth = random.below(1000);
  const actor = { ...alice, subject: `person-${nth % 5}`, displayName: `Person ${nth % 5}` };
  const event = issued(nth, actor);
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
  return random.pick(variants);
}

function urlOf({ dataSource }: TestLog): string {
  const { options } = dataSource;
  if (options.type !== 'postgres' || typeof options.url !== 'string') throw new Error('no address');
  return options.url;
}
