import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AuditEvent, RecordedTablePart } from '#libs/audit';
import { openTestLog, type TestLog, TestVerifier } from '#libs/audit/testing';
import { RecordedMappings } from '#libs/identity-mapping/testing';
import { type CanonicalName, canonicalName } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import type { OpenedInvitation } from '../invitation.js';
import { InvitationStore } from '../store/invitation-store.js';
import { InvitationTable } from './invitation-table.js';

const HOUR_MS = 3_600_000;

let database: TestDatabase;
let log: TestLog;
let mappings: RecordedMappings;
let store: InvitationStore;
let verifier: TestVerifier;
let superuser: pg.Client;
let used: OpenedInvitation;
let visitor: CanonicalName;
let ended: OpenedInvitation;

beforeAll(async () => {
  database = await testDatabase();
  log = await openTestLog(database.serviceUrl);
  mappings = new RecordedMappings(log);
  store = new InvitationStore(log.database);
  verifier = new TestVerifier(log, [new RecordedTablePart(new InvitationTable())]);
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
  [used, ended] = [await invite(2), await invite(1)];
  visitor = await letIn(used);
  const identity = { tenant: mappings.tenant, subject: visitor, kind: 'visitor' } as const;
  await mappings.services.mappings.ensureActive({ identity, ...mappings.context });
  await store.take(used, { id: randomUUID(), leaseMs: HOUR_MS });
  await letIn(ended);
  await end(ended);
  await invite(1);
  await superuser.query('CREATE TEMP TABLE kept AS SELECT * FROM invitation');
  await superuser.query('CREATE TEMP TABLE kept_visitors AS SELECT * FROM visitor');
});

afterAll(async () => {
  await superuser.end();
  await log.close();
  await database.close();
});

const eventOf = (action: AuditEvent['action'], id: string) =>
  ({
    action,
    outcome: 'success',
    ...mappings.context,
    target: { kind: 'invitation', tenant: mappings.tenant, subject: id },
  }) as const;

async function invite(maxUses: number): Promise<OpenedInvitation> {
  const [id, text] = [randomUUID(), randomUUID()];
  const [hash, expiresAt] = [Buffer.alloc(32, text), new Date(Date.now() + HOUR_MS)];
  const terms = { meeting: 'review', scopes: ['voip.join'], maxUses, expiresAt };
  const { meeting, scopes } = terms;
  const details = { uses: maxUses, scopes, meeting, expiresAt: expiresAt.toISOString() };
  const write = store.add(
    { id, tenant: mappings.tenant, ...terms },
    { id, hash, text, keyVersion: '1' },
  );
  await log.trail.record({ ...eventOf('invitation.create', id), details }, write);
  return { id, hash };
}

/** @returns the subject of the visitor's identity */
async function letIn(opened: OpenedInvitation): Promise<CanonicalName> {
  const id = canonicalName(randomUUID());
  await store.take(opened, { id, leaseMs: HOUR_MS });
  const { tenant } = mappings;
  await log.trail.record(
    {
      ...{ action: 'token.issue', outcome: 'success' },
      actor: { kind: 'visitor', tenant, invitation: opened.id },
      target: { tenant, subject: id, kind: 'visitor' },
    },
    store.admit(id, new Date(Date.now() + HOUR_MS)),
  );
  return id;
}

async function end({ id }: OpenedInvitation): Promise<void> {
  await log.trail.record(eventOf('invitation.end', id), store.end(id, mappings.tenant));
}

async function found(): Promise<string[]> {
  await verifier.pass();
  return (await verifier.findings()).map(({ kind, detail }) => `${kind} ${detail}`);
}

async function restore(): Promise<void> {
  await superuser.query('DELETE FROM invitation; INSERT INTO invitation SELECT * FROM kept');
}

describe('the background verification of invitations', () => {
  it('finds nothing in invitations that are as the log recorded them', async () => {
    expect(await found()).toEqual([]);
  });

  it.each([
    ['the tenant', 'tenant', `tenant = 'fabrikam'`],
    ['the purpose', 'meeting', `meeting = 'board'`],
    ['the scopes', 'scopes', `scopes = '{chat,voip}'`],
    ['how many it lets in', 'max_uses', 'max_uses = 50'],
    ['how many it has let in', 'uses', 'uses = 0'],
    ['the expiry', 'expires_at', `expires_at = 'infinity'`],
    ['the end, of one that is not over', 'ended_at', 'ended_at = now()'],
  ])('finds an edit of %s within one pass', async (_, column, assignment) => {
    await superuser.query(`UPDATE invitation SET ${assignment} WHERE id = '${used.id}'`);
    expect(await found()).toEqual([
      expect.stringMatching(`^column-differs invitation ${used.id}: ${column} `),
    ]);
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds one that was ended and lets visitors in again', async () => {
    await superuser.query(`UPDATE invitation SET ended_at = NULL WHERE id = '${ended.id}'`);
    expect(await found()).toEqual([
      expect.stringMatching(`^column-differs invitation ${ended.id}: ended_at `),
    ]);
    await restore();
  });

  it.each([
    ['later', `UPDATE visitor SET due_at = 'infinity'`],
    ['never', 'UPDATE visitor SET due_at = NULL'],
    ['never, without a row', 'DELETE FROM visitor'],
  ])('finds that the identity of a visitor is to be deleted %s', async (_, statement) => {
    await superuser.query(`${statement} WHERE id = '${visitor}'`);
    expect(await found()).toEqual([
      expect.stringMatching(`^column-differs invitation ${used.id}: visitor.due_at `),
    ]);
    await superuser.query('DELETE FROM visitor; INSERT INTO visitor SELECT * FROM kept_visitors');
    expect(await found()).toEqual([]);
  });

  it('finds one that was given the id of another, and one that was added', async () => {
    const added = randomUUID();
    await superuser.query(`UPDATE invitation SET id = '${added}' WHERE id = '${used.id}'`);
    expect((await found()).sort()).toEqual([
      expect.stringMatching(`^row-missing invitation ${used.id}`),
      expect.stringMatching(`^row-unrecorded invitation ${added}`),
    ]);
    await restore();
    expect(await found()).toEqual([]);
  });

  it('finds nothing when one of which nothing is left to do was deleted', async () => {
    const old = await invite(1);
    await superuser.query(`UPDATE audit_entry SET leaf = convert_to(regexp_replace(
        convert_from(leaf, 'UTF8'), '"expiresAt":"20..', '"expiresAt":"2001'), 'UTF8')
      WHERE target_subject = '${old.id}'`);
    await superuser.query(`DELETE FROM invitation WHERE id = '${old.id}'`);
    expect((await found()).filter((one) => one.includes(old.id))).toEqual([]);
  });
});
