import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, it } from 'vitest';
import { LogRetention } from '#libs/audit';
import { openTestLog } from '#libs/audit/testing';
import { canonicalName, uuidV7 } from '#libs/platform';
import { ManualClock, testDatabase } from '#libs/platform/testing';
import { auditTargetOf, newMapping, type ProvisionedMapping } from '../model/mapping.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { MappingCheck, type MappingCheckReport } from './mapping-check.js';

it('MappingCheck names what retired entries recorded, and compares the rest', async () => {
  const database = await testDatabase();
  const owner = await openTestLog(database.ownerUrl);
  for (const table of ['audit_entry', 'audit_personal']) {
    await owner.database.query(
      `CREATE TABLE ${table}_2020_01 PARTITION OF ${table} FOR VALUES FROM ('2020-01-01Z') TO ('2020-02-01Z')`,
    );
  }
  const clock = new ManualClock('2020-01-15T00:00:00Z');
  const past = await openTestLog(database.ownerUrl, { clock });
  const old = new RecordedMappings(past);
  /** As an import links it. Ids of a process never go back in time, so its id is made here. */
  const linked = async (): Promise<ProvisionedMapping> => {
    const communicationUserId = old.foreignId();
    const names = { tenant: old.tenant, subject: canonicalName(randomUUID()) };
    const fields = { ...names, kind: 'user', status: 'active', resource: 'default' } as const;
    const id = uuidV7(clock.now());
    const mapping = { ...newMapping(fields, clock.now()), communicationUserId, id };
    const event = { action: 'identity.link', outcome: 'success', ...old.context } as const;
    const recorded = { ...event, target: auditTargetOf(mapping) };
    await past.trail.record(recorded, old.map.add([mapping]));
    return mapping;
  };
  const [known, unknown] = [await linked(), await linked()];
  await past.close();
  const clockAnHourAgo = new ManualClock(Date.now() - 3_600_000);
  const anHourAgo = await openTestLog(database.ownerUrl, { clock: clockAnHourAgo });
  await new RecordedMappings(anHourAgo).issue(known);
  await anHourAgo.close();
  const mappings = new RecordedMappings(owner);
  const recent = await mappings.person();
  await owner.get(LogRetention).retire(new Date('2020-06-01'), mappings.context.actor);

  const verifiers = (await owner.signers.current()).map(({ verifier }) => verifier);
  const check = async (): Promise<MappingCheckReport> =>
    new MappingCheck(owner.database).run({ origin: owner.settings.origin, verifiers, known: [] });
  const report = await check();
  expect(report.log).toMatchObject({ faults: [], retiredBelow: 2 });
  expect(report).toMatchObject({ rows: 3, agreeing: 1, unchecked: 2, differences: [] });
  expect(new Set(report.uncheckedMappings)).toEqual(
    new Set([
      {
        mapping: known.id,
        columns: ['token_generation', 'version', 'display_name', 'updated_at'],
        reason: 'retired',
      },
      { mapping: unknown.id, columns: ['all'], reason: 'retired' },
    ]),
  );

  // The token's entry still has the names and the communication identity, the new mapping everything.
  const superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
  await superuser.query('UPDATE mapping SET communication_user_id = id::text WHERE id = ANY($1)', [
    [known.id, recent.id],
  ]);
  await superuser.end();
  expect((await check()).differences.map(({ mapping }) => mapping)).toEqual([known.id, recent.id]);
  await owner.close();
  await database.close();
});
