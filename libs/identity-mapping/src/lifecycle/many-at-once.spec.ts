import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestLog, type TestLog } from '#libs/audit/testing';
import {
  canonicalName,
  type CallContext,
  type Guid,
  type Principal,
  ReadingDatabase,
} from '#libs/platform';
import { newGuid, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { PostgresAssignmentStore } from '#libs/teams-phone';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { wireIdentityMapping } from '../testing/wire-identity-mapping.js';

const PEOPLE = 200;

const operator = { actor: { kind: 'operator', name: 'spec' } } as const;

describe('many people of Entra at once', () => {
  const tenant = newGuid();
  let database: TestDatabase;
  let log: TestLog;
  let assignmentStore: PostgresAssignmentStore;
  let services: ReturnType<typeof wireIdentityMapping>;
  let people: readonly { readonly id: string; readonly subject: Guid }[];

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl);
    const { clock, logger, trail: audit } = log;
    const { map, gateway, resources } = new RecordedMappings(log);
    assignmentStore = new PostgresAssignmentStore(log.database, log.get(ReadingDatabase));
    const adapters = { map, gateway, resources, assignmentStore };
    services = wireIdentityMapping({ ...adapters, audit, clock, logger });
    const subjects = Array.from({ length: PEOPLE }, () => newGuid());
    people = await Promise.all(
      subjects.map(async (subject) => {
        const identity = { tenant: canonicalName(tenant), subject: canonicalName(subject) };
        const ensured = { ...operator, identity: { ...identity, kind: 'user' } } as const;
        const { mapping } = await services.mappings.ensureActive(ensured);
        return { id: mapping.id, subject };
      }),
    );
  });

  afterAll(async () => {
    await log.close();
    await database.close();
  });

  const commits = async (): Promise<number> => {
    const [row] = await log.database.query<{ count: string }>('SELECT count(*) FROM audit_head');
    return Number(row?.count);
  };

  const personOf = (subject: Guid): CallContext<Principal> => ({
    actor: {
      ...{ kind: 'user', issuer: 'https://login.example' },
      ...{ tenant, subject, permissions: [], isGuest: false },
    },
  });

  it('sign out in shared commits, and only an assignment that is there is made again', async () => {
    const [first] = people;
    const objectId = first?.subject ?? expect.unreachable();
    const wanted = { tenant, objectId, principalType: 'user', clientIds: [] } as const;
    const { teamsPhone, mappings } = services;
    await teamsPhone.assignments.put(wanted, operator);
    const before = await commits();
    await Promise.all(
      people.map(async ({ subject }) => mappings.revokeOwnTokens(personOf(subject))),
    );
    expect((await commits()) - before).toBeLessThan(PEOPLE / 2);
    const renewed = await assignmentStore.find({ tenant, objectId });
    expect(renewed).toMatchObject({ status: 'active', version: 2 });
  });

  it('are deleted in shared commits', async () => {
    const before = await commits();
    await Promise.all(
      people.map(async ({ id }) =>
        services.administration.delete({ id, tenant: canonicalName(tenant) }, operator),
      ),
    );
    expect((await commits()) - before).toBeLessThan(PEOPLE / 2);
  });
});
