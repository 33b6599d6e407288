import { afterAll, beforeAll, expect, it } from 'vitest';
import pg from 'pg';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import { UpstreamUnavailable } from '#libs/communication-services';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import type { ProvisionedMapping } from '../model/mapping.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';

let database: TestDatabase;
let log: TestLog;
let mappings: RecordedMappings;
let alice: ProvisionedMapping;

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  mappings = new RecordedMappings(log);
  alice = await mappings.person();
});

afterAll(async () => {
  await log.close();
  await database.close();
});

/** Runs a statement of somebody who has the rows, before whom no trigger stands. */
async function tamper(sql: string, parameters: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: database.superuserUrl });
  await client.connect();
  await client.query('SET session_replication_role = replica');
  await client.query(sql, parameters);
  await client.end();
}

const ADD_ORPHAN = `
  INSERT INTO mapping_orphan (communication_user_id, mapping_id, lease_expires_at)
  VALUES ($1, $2, now() - interval '1 minute')`;

const deletions = (): number =>
  mappings.gateway.calls.filter(({ operation }) => operation === 'delete').length;

it('deletes no identity at ACS that a mapping leads to, whatever the table of orphans says', async () => {
  await tamper(ADD_ORPHAN, [alice.communicationUserId, alice.id]);
  await mappings.services.worker.sweep();
  expect(deletions()).toBe(0);
  expect(mappings.gateway.identities.has(alice.communicationUserId)).toBe(true);
});

it('deletes no identity at ACS that the log does not call an orphan', async () => {
  const { communicationUserId } = await mappings.gateway.createIdentity({ resource: 'default' });
  await tamper(ADD_ORPHAN, [communicationUserId, alice.id]);
  await mappings.services.worker.sweep();
  expect(deletions()).toBe(0);
});

it('deletes no identity at ACS whose deletion the log does not have', async () => {
  const bob = await mappings.person();
  await tamper(
    `UPDATE mapping SET status = 'deleting', version = version + 1, lease_expires_at = now() - interval '1 minute'
     WHERE id = $1`,
    [bob.id],
  );
  await mappings.services.worker.sweep();
  expect(deletions()).toBe(0);
});

it('refuses to record an identity as an orphan that a mapping leads to, and deletes nothing', async () => {
  const carol = await mappings.person();
  const { communicationUserId } = carol;
  await mappings.services.orphans.add({ communicationUserId, mapping: alice }, mappings.context);
  expect(deletions()).toBe(0);
});

it('links no identity that is an orphan', async () => {
  const { communicationUserId } = await mappings.gateway.createIdentity({ resource: 'default' });
  mappings.gateway.failNext('delete', new UpstreamUnavailable());
  await mappings.services.orphans.add({ communicationUserId, mapping: alice }, mappings.context);
  await expect(mappings.linked(undefined, communicationUserId)).rejects.toMatchObject({
    code: 'identity-link-conflict',
  });
});
