import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { AuditUnavailable } from '#libs/audit';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import {
  CommunicationResources,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import { canonicalName, ReadingDatabase, Sweeps } from '#libs/platform';
import { newGuid, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AssignmentRenewal, PostgresAssignmentStore } from '#libs/teams-phone';
import { auditTargetOf } from '../model/mapping.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { MassRevocationService } from './mass-revocation.service.js';
import { MassRevocationStore } from './mass-revocation-store.js';
import { RevocationTargetCleanup } from './target-cleanup.js';

const operator = { actor: { kind: 'operator', name: 'spec' } } as const;
const clientApp = canonicalName(newGuid());
const settings = {
  resources: new CommunicationResources([], 'default'),
  budget: { limits: { revoke: 500, assign: 500, unassign: 500 }, windowMs: 30_000, maxWaitMs: 500 },
} as CommunicationServicesSettings; // all that the code under test reads

describe('RevocationTargetCleanup', () => {
  let database: TestDatabase;
  let log: TestLog;
  let store: MassRevocationStore;
  let service: MassRevocationService;
  let sweeps: Sweeps;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    const reading = log.get(ReadingDatabase);
    const assignments = new AssignmentRenewal(new PostgresAssignmentStore(log.database, reading));
    store = new MassRevocationStore(log.database, reading, assignments);
    service = new MassRevocationService(store, log.trail, log.logger, settings);
    sweeps = new Sweeps(log.clock, log.logger);
    sweeps.leaveToCaller();
    new RevocationTargetCleanup(store, sweeps).onApplicationBootstrap();
    const person = await new RecordedMappings(log).person();
    const { tenant } = person;
    const actor = { kind: 'service', issuer: 'x', tenant, subject: clientApp, clientApp } as const;
    await log.trail.record({
      ...{ action: 'token.issue', outcome: 'success', target: auditTargetOf(person) },
      actor: { ...actor, permissions: [], isGuest: false },
    });
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  const start = async (): Promise<string> => {
    const started = await service.start({ filter: { clientApp }, reason: 'a leak' }, operator);
    return started.revocation.id;
  };
  const targets = async (): Promise<readonly string[]> => {
    const rows = await log.database.query<{ id: string }>(
      'SELECT revocation_id AS id FROM revocation_target',
    );
    return rows.map(({ id }) => id);
  };
  const cleanUp = async (): Promise<void> => {
    expect(await sweeps.runAll(new AbortController().signal)).toEqual([]);
  };
  const letAnHourPass = async (): Promise<void> => {
    const superuser = new Client({ connectionString: database.superuserUrl });
    await superuser.connect();
    await superuser.query(`UPDATE revocation_target SET created_at = created_at - interval '1 h'`);
    await superuser.end();
  };

  it('keeps the targets of a mass revocation that begins, and of one that is under way', async () => {
    const { record } = log.trail;
    vi.spyOn(log.trail, 'record').mockImplementationOnce(async (...args) => {
      await cleanUp();
      return record.apply(log.trail, args);
    });
    const id = await start();
    await letAnHourPass();
    await cleanUp();
    expect(await targets()).toEqual([id]);
    await expect(log.database.query('DELETE FROM revocation_target')).rejects.toMatchObject({
      constraint: 'revocation_target_needed',
    });
    expect(await targets()).toEqual([id]);
  });

  it('deletes those of one that is over', async () => {
    const open = await store.list();
    for (const revocation of open) {
      const event = { ...operator, action: 'revocation.end', outcome: 'success' } as const;
      await log.trail.record(event, store.finish(revocation));
    }
    await cleanUp();
    expect(await targets()).toEqual([]);
  });

  it('deletes those of one that did not begin', async () => {
    vi.spyOn(log.trail, 'record').mockRejectedValueOnce(new AuditUnavailable());
    await expect(start()).rejects.toBeInstanceOf(AuditUnavailable);
    expect(await targets()).toHaveLength(1);
    await letAnHourPass();
    await cleanUp();
    expect(await targets()).toEqual([]);
  });
});
