import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { UpstreamUnavailable } from '#libs/communication-services';
import { canonicalName, ReadingDatabase } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AssignmentRenewal, PostgresAssignmentStore } from '#libs/teams-phone';
import { MassRevocationStore } from '../mass-revocation/mass-revocation-store.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { newLease } from './identity-map.js';

const RESOURCE = 'default';

describe.each(['infinity', '9999-12-31', '11 minutes'])(
  'a lease in the database that ends later than any of the service (%s)',
  (end) => {
    let database: TestDatabase;
    let log: TestLog;
    let mappings: RecordedMappings;
    let superuser: pg.Client;

    beforeAll(async () => {
      database = await testDatabase();
      log = await openTestLog(database.serviceUrl);
      mappings = new RecordedMappings(log);
      superuser = new pg.Client({ connectionString: database.superuserUrl });
      await superuser.connect();
      await superuser.query('SET session_replication_role = replica');
    });

    afterAll(async () => {
      await superuser.end();
      await log.close();
      await database.close();
    });

    const lease = () => newLease(30_000, log.clock);

    async function extend(table: string, condition: string): Promise<void> {
      const later = end.endsWith('minutes') ? `now() + interval '${end}'` : `'${end}'`;
      const { rowCount } = await superuser.query(
        `UPDATE ${table} SET lease_holder = gen_random_uuid(), lease_expires_at = ${later} WHERE ${condition}`,
      );
      expect(rowCount).toBe(1);
    }

    it('keeps nobody from their identity', async () => {
      const identity = {
        tenant: mappings.tenant,
        subject: canonicalName(randomUUID()),
        kind: 'user',
      } as const;
      const { mapping } = await mappings.map.claim(identity, RESOURCE, lease());
      await extend('mapping', `id = '${mapping.id}'`);
      const { mapping: active } = await mappings.services.mappings.ensureActive({
        identity,
        ...mappings.context,
      });
      expect(active).toMatchObject({ id: mapping.id, status: 'active' });
    });

    it('keeps no revocation and no deletion from ACS', async () => {
      const [revoking, deleting] = [await mappings.person(), await mappings.person()];
      mappings.gateway.failNext('revoke', new UpstreamUnavailable());
      await mappings.revoke(revoking);
      mappings.gateway.failNext('delete', new UpstreamUnavailable());
      await mappings.delete(deleting);
      for (const { id } of [revoking, deleting]) await extend('mapping', `id = '${id}'`);
      await mappings.services.worker.sweep();
      expect(await mappings.map.get(revoking.id)).toMatchObject({ isRevoking: false });
      expect(await mappings.map.get(deleting.id)).toMatchObject({ status: 'deleted' });
    });

    it('keeps no orphan from its deletion', async () => {
      const orphan = {
        communicationUserId: mappings.foreignId(),
        mapping: await mappings.person(),
      };
      mappings.gateway.failNext('delete', new UpstreamUnavailable());
      await mappings.services.orphans.add(orphan, mappings.context);
      await extend('mapping_orphan', `communication_user_id = '${orphan.communicationUserId}'`);
      const claimed = await mappings.map.claimOverdueOrphans(RESOURCE, 10, lease());
      expect(claimed.map(({ communicationUserId }) => communicationUserId)).toEqual([
        orphan.communicationUserId,
      ]);
    });

    it('holds no mass revocation up', async () => {
      const reading = log.get(ReadingDatabase);
      const assignments = new AssignmentRenewal(new PostgresAssignmentStore(log.database, reading));
      const store = new MassRevocationStore(log.database, reading, assignments);
      await mappings.person();
      const id = await mappings.beginMassRevocation({ tenant: mappings.tenant });
      await superuser.query(`UPDATE revocation SET identities = 1 WHERE id = '${id}'`);
      const holder = lease();
      expect(await store.claim(holder)).toHaveLength(1);
      expect(await store.claim(lease())).toHaveLength(0);
      await extend('revocation', `id = '${id}'`);
      expect(await store.claim(lease())).toHaveLength(1);
    });
  },
);
