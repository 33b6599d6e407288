import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hashLeaf, TreeFrontier, verifyConsistency, verifyProofFile } from '#libs/transparency-log';
import { canonicalName, type CallContext, uuidV7 } from '#libs/platform';
import { testDatabase, type TestDatabase } from '#libs/platform/testing';
import { openTestLog, type TestLog } from '../testing/test-log.js';
import { alice, denied, issued } from '../testing/sample-events.js';
import type { AuditLogService } from './audit-log.service.js';
import { AuditEntryNotFound, AuditScopeExceeded, PersonNotInLog } from '../errors.js';
import type { AuditEvent } from '../trail/audit-event.js';
import type { AuditReceipt } from '../trail/audit-trail.js';
import { SecretTokenFingerprints } from '../fingerprints/secret-token-fingerprints.js';

const fabrikam = {
  ...alice,
  tenant: canonicalName('fabrikam'),
  subject: canonicalName('bob'),
  displayName: 'Bob',
};
const grace: CallContext = { actor: { ...alice, subject: canonicalName('grace') } };
const stranger: CallContext = { actor: { ...fabrikam, subject: canonicalName('auditor') } };

describe('AuditLogService', () => {
  let database: TestDatabase;
  let log: TestLog;
  let auditLog: AuditLogService;

  beforeAll(async () => {
    database = await testDatabase();
    log = await openTestLog(database.serviceUrl, { homeTenant: alice.tenant });
    auditLog = log.auditLog;
    await log.trail.recordAll(Array.from({ length: 300 }, (_, nth) => issued(nth)));
    await log.trail.record(denied(fabrikam));
    await log.trail.record({
      ...issued(900),
      target: { tenant: 'fabrikam', subject: 'robot' },
      displayName: 'Robot',
    });
  });
  afterAll(async () => {
    await log.close();
    await database.close();
  });

  it('pages newest first, without overlap or gap', async () => {
    const seen: number[] = [];
    let before: number | undefined;
    do {
      const page = await auditLog.search(grace, { limit: 70, before, action: 'token.issue' });
      seen.push(...page.items.map(({ index }) => index));
      before = page.nextBefore;
    } while (before !== undefined);
    expect(seen).toHaveLength(301);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a));
  });

  it.each([
    ['action', { action: 'authorization.deny' as const }, [300]],
    ['outcome', { outcome: 'denied' as const }, [300]],
    ['actor', { actorSubject: canonicalName('bob') }, [300]],
    [
      'actor, with any target',
      { actorSubject: alice.subject },
      [301, 299, 298, 297, 296, 295, 294, 293, 292, 291],
    ],
    ['target', { targetSubject: canonicalName('robot') }, [301]],
    ['target, when it is the actor', { targetSubject: alice.subject, before: 3 }, [2, 1, 0]],
    [
      'actor and target',
      { actorSubject: alice.subject, targetSubject: canonicalName('robot') },
      [301],
    ],
    [
      'actor and target, when they are the same',
      { actorSubject: alice.subject, targetSubject: alice.subject, before: 2 },
      [1, 0],
    ],
    ['address', { clientAddress: '203.0.113.42' }, [298, 42]],
    [
      'identity',
      { communicationUserId: canonicalName(issued(17).target?.communicationUserId ?? '') },
      [17],
    ],
    ['fingerprint', { fingerprint: issued(18).token?.fingerprint }, [18]],
    ['words of the reason', { reasonText: 'missing' }, [300]],
    ['code of the reason', { reasonCode: 'insufficient-permission' }, [300]],
  ])('finds entries by %s', async (_name, filter, indexes) => {
    const { items } = await auditLog.search(grace, { limit: 10, ...filter });
    expect(items.map(({ index }) => index)).toEqual(indexes);
  });

  it('uses a half-open time window', async () => {
    const [newest] = (await auditLog.search(grace, { limit: 1 })).items;
    const at = new Date(newest?.entry.recordedAt ?? '');
    expect((await auditLog.search(grace, { limit: 1, to: at })).items[0]?.index).not.toBe(
      newest?.index,
    );
    expect((await auditLog.search(grace, { limit: 9, from: at })).items.at(-1)?.index).toBe(
      newest?.index,
    );
    expect(
      (await auditLog.search(grace, { limit: 1, from: new Date(Date.now() + 3_600_000) })).items,
    ).toEqual([]);
  });

  it('returns personal values beside the entry, and records the read', async () => {
    const { items } = await auditLog.search(grace, {
      limit: 1,
      fingerprint: issued(5).token?.fingerprint,
    });
    expect(items[0]?.personal).toEqual({
      actorDisplayName: 'Alice Example',
      clientAddress: '203.0.113.5',
      userAgent: issued().request?.userAgent,
    });
    const [read] = (await auditLog.search(grace, { limit: 1, action: 'audit.read' })).items;
    expect(read?.entry.actor.subject).toBe('grace');
  });

  it('returns to auditors of another tenant the entries of their tenant only', async () => {
    const { items } = await auditLog.search(stranger, { limit: 100, outcome: undefined });
    const own = items.filter(({ entry }) => entry.action !== 'audit.read');
    expect(own.map(({ index }) => index)).toEqual([301, 300]);
    const [foreign] = (
      await auditLog.search(grace, { limit: 1, before: 300, actorSubject: alice.subject })
    ).items;
    await expect(auditLog.entry(stranger, foreign?.entry.id ?? '')).rejects.toThrow(
      AuditEntryNotFound,
    );
    await expect(auditLog.trace(stranger, { token: 'x' })).rejects.toThrow(AuditScopeExceeded);
    const window = {
      from: new Date(0),
      to: new Date(),
      bucket: 'day',
      dimensions: ['action'],
    } as const;
    await expect(auditLog.statistics(stranger, window)).rejects.toThrow(AuditScopeExceeded);
  });

  it('answers for an unknown id as for an entry of another tenant', async () => {
    await expect(auditLog.entry(grace, uuidV7(Date.now()))).rejects.toThrow(AuditEntryNotFound);
    await expect(auditLog.entry(grace, 'no id')).rejects.toThrow(AuditEntryNotFound);
  });

  it('gives proofs that verify offline, for the oldest entry and the newest', async () => {
    const verifiers = (await log.signers.current()).map(({ verifier }) => verifier);
    const trust = { origin: log.settings.origin, verifiers };
    const receipt = await log.trail.record(issued(1));
    const [oldest] = (await auditLog.search(grace, { limit: 1, before: 1 })).items;
    for (const id of [receipt.id, oldest?.entry.id ?? '']) {
      const { leaf, index } = await auditLog.entry(grace, id);
      const file = await auditLog.proof(grace, id);
      expect(verifyProofFile(file, leaf, trust).index).toBe(index);
      expect(() => verifyProofFile(file, Buffer.from('{}'), trust)).toThrow('');
    }
  });

  it('gives full and partial tiles, and bundles that hash to them', async () => {
    const reader = log.reader;
    const { size } = await reader.checkpoint();
    const bundle = await auditLog.bundle(grace, 'tile/entries/000');
    const leaves: Buffer[] = [];
    for (let offset = 0; offset < bundle.length; offset += 2 + bundle.readUInt16BE(offset)) {
      leaves.push(bundle.subarray(offset + 2, offset + 2 + bundle.readUInt16BE(offset)));
    }
    const tile = await reader.resource('tile/0/000');
    expect(Buffer.concat(leaves.map(hashLeaf)).equals(tile)).toBe(true);
    expect((await reader.resource('tile/0/000.p/7')).equals(tile.subarray(0, 7 * 32))).toBe(true);
    expect(await reader.resource(`tile/0/001.p/${size - 256}`)).toHaveLength((size - 256) * 32);
    const root = TreeFrontier.empty().append(leaves.map(hashLeaf)).frontier.root();
    expect((await reader.resource('tile/1/000.p/1')).equals(root)).toBe(true);
    for (const path of ['tile/0/002', 'tile/0/000.p/0', 'tile/0/../x', `tile/0/001.p/255`, 'x']) {
      await expect(reader.resource(path)).rejects.toThrow(AuditEntryNotFound);
    }
  });

  it('proves that the log continues an older one', async () => {
    const reader = log.reader;
    const oldSize = 300;
    const oldRoot = await reader.tree(oldSize).root();
    const { size, proof } = await reader.consistency(oldSize);
    const newRoot = await reader.tree(size).root();
    verifyConsistency({ oldSize, oldRoot, newSize: size, newRoot, proof });
    await expect(reader.consistency(size + 1)).rejects.toThrow(AuditEntryNotFound);
  });

  it('traces a leaked token to its owner, also after the fingerprint key was rotated', async () => {
    const fingerprints = new SecretTokenFingerprints(log.secrets, log.settings, log.readiness);
    const token = (nth: number) => ({
      scopes: ['chat'],
      expiresOn: new Date(Date.now() + 3_600_000 * (nth + 1)),
    });
    const target = { communicationUserId: '8:acs:traced', subject: 'tina', tenant: alice.tenant };
    for (const [nth, text] of ['leaked', 'sibling', 'third'].entries()) {
      const token_ = { ...token(nth), ...(await fingerprints.of(text)) };
      await log.trail.record({ ...issued(500 + nth), target, token: token_ });
      log.secrets.put('audit-fingerprint-key', `another key of the tests, number ${nth}`);
    }
    const trace = await auditLog.trace(grace, { token: 'leaked' });
    expect(trace.entries[0]?.entry).toMatchObject({
      action: 'token.issue',
      target,
      policy: { rule: 'default' },
    });
    expect(trace.entries[0]?.personal.actorDisplayName).toBe('Alice Example');
    expect(trace.liveSiblings).toHaveLength(2);
    const revocation = {
      action: 'token.revoke',
      outcome: 'success',
      actor: alice,
      target,
    } as const;
    await log.trail.record({ ...revocation, details: { stage: 'confirmed' } });
    expect((await auditLog.trace(grace, { token: 'leaked' })).liveSiblings).toEqual([]);
    expect((await auditLog.trace(grace, { token: 'never issued' })).entries).toEqual([]);
    const everything = await log.database.query<{ leaf: Buffer }>('SELECT leaf FROM audit_entry');
    expect(everything.some(({ leaf }) => /leaked|never issued/.test(leaf.toString()))).toBe(false);
  });

  it('erases the personal values of one person, and records the erasure', async () => {
    const { receipt, rows } = await auditLog.erase(grace, {
      tenant: canonicalName('fabrikam'),
      subject: canonicalName('robot'),
      reason: 'request 7',
    });
    expect(rows).toBe(1);
    const [robot] = (
      await auditLog.search(grace, { limit: 1, before: 302, targetSubject: canonicalName('robot') })
    ).items;
    expect(robot?.personal.targetDisplayName).toBeUndefined();
    expect(robot?.personal.actorDisplayName).toBe('Alice Example');
    const [erasure] = (await auditLog.search(grace, { limit: 1, action: 'audit.erase' })).items;
    expect(erasure).toMatchObject({
      index: receipt.index,
      entry: { target: { subject: 'robot' } },
    });
  });

  it('refuses to erase somebody who is named by searches and refused erasures only', async () => {
    const nobody = { tenant: canonicalName('contoso'), subject: canonicalName('alise') };
    const named = { outcome: 'success', actor: alice, target: nobody } as const;
    await log.trail.record({ ...named, action: 'identity.read' });
    await log.trail.record({ ...named, action: 'audit.erase' });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(auditLog.erase(grace, { ...nobody, reason: 'request 8' })).rejects.toThrow(
        PersonNotInLog,
      );
      const [refused] = (await auditLog.search(grace, { limit: 1, action: 'audit.erase' })).items;
      expect(refused?.entry).toMatchObject({
        action: 'audit.erase',
        outcome: 'denied',
        target: nobody,
        reason: { code: 'person-not-in-log', detail: 'request 8' },
      });
    }
  });

  it('erases for the actor and the target of any other entry, also of a refusal', async () => {
    const { tenant } = alice;
    const person = (nth: number) => ({ tenant, subject: canonicalName(`dora-${nth}`) });
    const events = [
      { actor: { ...alice, ...person(0) } },
      { actor: { ...alice, ...person(1) }, target: { tenant, subject: 'emil' } },
      { actor: alice, target: person(2) },
      { actor: alice, target: { subject: person(3).subject } },
    ];
    for (const [nth, who] of events.entries()) {
      const dora = person(nth);
      await expect(auditLog.erase(grace, dora)).rejects.toThrow(PersonNotInLog);
      await log.trail.record({ ...who, action: 'token.issue', outcome: 'denied' });
      await auditLog.erase(grace, dora);
      const namesake = { ...dora, tenant: canonicalName('fabrikam') };
      await expect(auditLog.erase(grace, namesake)).rejects.toThrow(PersonNotInLog);
    }
  });

  it('erases a person as actor and as target, and nobody else, with nothing after the erasure', async () => {
    const mallory = { ...alice, subject: canonicalName('mallory'), displayName: 'Mallory' };
    const { tenant, subject } = mallory;
    const namesake = { ...mallory, tenant: canonicalName('fabrikam') };
    const request = { requestId: 'r', clientAddress: '198.51.100.7' };
    const entries: [AuditEvent, ('actor' | 'target')[]][] = [
      // On oneself, named as target or not.
      [{ ...issued(0, mallory), displayName: 'M' }, ['actor', 'target']],
      [{ ...denied(mallory), request, displayName: 'M' }, ['actor', 'target']],
      // On others, and by others.
      [{ ...issued(1, mallory), target: { tenant, subject: 'x' }, displayName: 'X' }, ['actor']],
      [{ ...issued(2), target: { tenant, subject }, displayName: 'M' }, ['target']],
      [{ ...issued(3), target: { subject }, displayName: 'M' }, ['target']],
      // Of other people.
      [{ ...issued(4, namesake), displayName: 'N' }, []],
      [{ ...issued(5, namesake), target: { subject }, displayName: 'N' }, []],
      [{ ...issued(6), target: { tenant: 'fabrikam', subject }, displayName: 'N' }, []],
      [{ ...issued(7), displayName: 'A' }, []],
      // The wrong half of the key.
      [{ ...issued(8), target: { tenant, subject: 'another' }, displayName: 'A' }, []],
    ];
    const events = entries.map(([event]) => event);
    const before = await log.trail.recordAll(events);
    const { receipt, rows } = await auditLog.erase(grace, { tenant, subject });
    const after = await log.trail.recordAll(events);
    expect(rows).toBe(entries.flatMap(([, erased]) => erased).length);

    const left = async ({ index }: AuditReceipt) => {
      const found = await log.database.query<{ whose: string }>(
        'SELECT whose FROM audit_personal WHERE entry_index = $1 ORDER BY whose',
        [index],
      );
      return found.map(({ whose }) => whose);
    };
    const expectOnlyEarlierErased = async (): Promise<void> => {
      for (const [nth, [, erased]] of entries.entries()) {
        const [earlier, later] = [before[nth], after[nth]];
        if (!earlier || !later) throw new Error('an entry without a receipt');
        const whole = ['actor', 'target'];
        const own = await left(later);
        expect(own, `entry ${nth} after the erasure`).toEqual(whole);
        const remaining = whole.filter((whose) => !erased.some((one) => one === whose));
        expect(await left(earlier), `entry ${nth} before the erasure`).toEqual(remaining);
      }
    };
    await expectOnlyEarlierErased();
    // Repeating the same erasure, as after a lost answer, erases nothing that was recorded since.
    const [repeated] = await log.database.query<{ erased: string }>(
      `SELECT audit_erase_personal(recorded_at, entry_index) AS erased FROM audit_entry
       WHERE entry_index = $1`,
      [receipt.index],
    );
    expect(repeated?.erased).toBe('0');
    await expectOnlyEarlierErased();
  });

  it('erases nothing without an entry that records the erasure', async () => {
    const receipt = await log.trail.record(issued(1));
    const erase = async (index: number) =>
      log.database.query(
        'SELECT audit_erase_personal(recorded_at, entry_index) FROM audit_entry WHERE entry_index = $1',
        [index],
      );
    await expect(erase(receipt.index)).rejects.toThrow('erases nobody');
    const refused = await log.trail.record({
      ...{ action: 'audit.erase', outcome: 'failure', actor: grace.actor },
      target: { tenant: alice.tenant, subject: alice.subject },
    });
    await expect(erase(refused.index)).rejects.toThrow('erases nobody');
    const [row] = await log.database.query<{ rows: string }>(
      'SELECT count(*) AS rows FROM audit_personal WHERE entry_index = $1',
      [receipt.index],
    );
    expect(row?.rows).toBe('1');
  });
});
