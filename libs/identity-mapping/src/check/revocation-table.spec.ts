import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecordedTablePart } from '#libs/audit';
import { openTestLog, type TestLog, TestVerifier } from '#libs/audit/testing';
import { type CanonicalName, canonicalName, ReadingDatabase } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { AssignmentRenewal, PostgresAssignmentStore } from '#libs/teams-phone';
import { MassRevocationStore } from '../mass-revocation/mass-revocation-store.js';
import { auditTargetOf, type ProvisionedMapping } from '../model/mapping.js';
import { RecordedMappings } from '../testing/recorded-mappings.js';
import { RevocationTable } from './revocation-table.js';

let database: TestDatabase;
let log: TestLog;
let mappings: RecordedMappings;
let store: MassRevocationStore;
let verifier: TestVerifier;
let superuser: pg.Client;
const clientApp = canonicalName(randomUUID());
let holder: ProvisionedMapping;
let finished = '';
let open = '';
let ofClient = '';

/** A token that the application got for somebody else. */
async function issue(mapping: ProvisionedMapping, app: CanonicalName): Promise<void> {
  const { tenant } = mappings;
  const actor = { kind: 'service', issuer: 'x', tenant, subject: app, clientApp: app } as const;
  await log.trail.record({
    ...{ action: 'token.issue', outcome: 'success', target: auditTargetOf(mapping) },
    actor: { ...actor, permissions: [], isGuest: false },
  });
}

/** Revokes what is left, and ends it, as the worker does. */
async function finish(id: string): Promise<void> {
  const revocation = (await store.get(id)) ?? expect.unreachable();
  const page = { resource: 'default', after: undefined, limit: 100 };
  for (const mapping of await store.next(revocation, page)) {
    const details = { stage: 'completed', tokenGeneration: mapping.tokenGeneration + 1 };
    const event = { action: 'token.revoke', outcome: 'success', ...mappings.context } as const;
    const target = auditTargetOf(mapping);
    await log.trail.record({ ...event, target, details }, store.finishOne(mapping, revocation));
  }
  const event = { action: 'revocation.end', outcome: 'success', ...mappings.context } as const;
  await log.trail.record({ ...event, details: { revocation: id } }, store.finish(revocation));
}

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  mappings = new RecordedMappings(log);
  const reading = log.get(ReadingDatabase);
  const assignments = new AssignmentRenewal(new PostgresAssignmentStore(log.database, reading));
  store = new MassRevocationStore(log.database, reading, assignments);
  verifier = new TestVerifier(log, [new RecordedTablePart(new RevocationTable())]);
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
  holder = await mappings.person();
  finished = await mappings.beginMassRevocation({ tenant: mappings.tenant, kind: 'user' });
  await finish(finished);
  await mappings.addEveryState();
  await issue(holder, clientApp);
  ofClient = await mappings.beginMassRevocation({ clientApp });
  open = await mappings.beginMassRevocation({ tenant: mappings.tenant, kind: 'bot' });
});

afterAll(async () => {
  await superuser.end();
  await log.close();
  await database.close();
});

async function found(): Promise<string[]> {
  await verifier.pass();
  return (await verifier.findings()).map(({ kind, detail }) => `${kind} ${detail}`);
}

const nameOf = (id: string): string => `mass revocation ${id}`;
const theOpen = () => open;
const theFinished = () => finished;

describe('the background verification of mass revocations', () => {
  beforeAll(async () => {
    await superuser.query('CREATE TEMP TABLE kept AS SELECT * FROM revocation');
    await superuser.query('CREATE TEMP TABLE kept_targets AS SELECT * FROM revocation_target');
  });

  async function restore(): Promise<void> {
    await superuser.query('DELETE FROM revocation; INSERT INTO revocation SELECT * FROM kept');
    await superuser.query(
      'DELETE FROM revocation_target; INSERT INTO revocation_target SELECT * FROM kept_targets',
    );
  }

  it('finds nothing in mass revocations that are as the log recorded them', async () => {
    expect(await found()).toEqual([]);
  });

  it.each([
    ['that one is finished', 'finished_at', 'finished_at = now()', theOpen],
    ['that one is not finished', 'finished_at', 'finished_at = NULL', theFinished],
    ['whose tokens: the tenant', 'tenant', `tenant = 'fabrikam'`, theOpen],
    ['whose tokens: the kind', 'kind', `kind = 'service'`, theOpen],
    ['whose tokens: the ACS resource', 'resource', `resource = 'elsewhere'`, theOpen],
    ['whose tokens: the application', 'client_app', `client_app = 'x'`, theOpen],
    ['whose tokens: all applications', 'client_app', 'client_app = NULL', () => ofClient],
    ['whose tokens: the invitation', 'invitation', 'invitation = gen_random_uuid()', theOpen],
    ['whose tokens: their age', 'issued_before', `issued_before = '2020-01-01'`, theOpen],
    ['the reason', 'reason', `reason = 'none'`, theOpen],
    ['the number', 'number', 'number = 0', theOpen],
  ])('finds an edit of %s within one pass', async (_, column, assignment, id) => {
    await superuser.query(`UPDATE revocation SET ${assignment} WHERE id = '${id()}'`);
    expect(await found()).toContainEqual(
      expect.stringMatching(`^column-differs ${nameOf(id())}: ${column} `),
    );
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds a row that was deleted, and one that was added', async () => {
    await superuser.query(`DELETE FROM revocation WHERE id = '${open}'`);
    const added = randomUUID();
    await superuser.query(
      `INSERT INTO revocation (id, number, reason) VALUES ('${added}', 99, 'none')`,
    );
    const findings = await found();
    const missing = expect.stringMatching(`^row-missing ${nameOf(open)}`) as string;
    const unrecorded = expect.stringMatching(`^row-unrecorded ${nameOf(added)}`) as string;
    expect(findings).toEqual(expect.arrayContaining([missing, unrecorded]));
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds a time at which none began', async () => {
    await superuser.query(
      `UPDATE revocation SET started_at = 'infinity', finished_at = '-infinity'`,
    );
    expect((await found()).filter((one) => one.startsWith('row-unrecorded'))).toHaveLength(3);
    await restore();
  });

  it('finds an identity that was taken from the targets of one that is under way', async () => {
    await superuser.query('DELETE FROM revocation_target');
    expect(await found()).toEqual([
      expect.stringMatching(
        `^identity-left-out ${nameOf(ofClient)}: the tokens of mapping ${holder.id} `,
      ),
    ]);
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds an identity that one has not reached because its row was edited for a moment', async () => {
    await superuser.query('DELETE FROM revocation_target');
    await superuser.query(`UPDATE revocation SET kind = 'service' WHERE id = '${open}'`);
    await finish(ofClient);
    await finish(open);
    await superuser.query(`UPDATE revocation SET kind = 'bot' WHERE id = '${open}'`);
    const findings = await found();
    for (const id of [ofClient, open]) {
      expect(findings).toContainEqual(expect.stringMatching(`^identity-left-out ${nameOf(id)}`));
    }
  });
});
