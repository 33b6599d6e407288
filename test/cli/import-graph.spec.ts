import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acsIdentity, type CommandResult, operatorEnvironment } from '../support/acs-identity.js';
import { IdentitiesApi } from '../support/identities-api.js';
import { parseNdjson } from '../support/parsers/ndjson.js';
import { runningService } from '../support/running-service.js';

const NAME = 'com.contoso.identityMapping';

const service = runningService();
const api = new IdentitiesApi(service);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-graph-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await service().emulator.control.reset();
});

interface User {
  readonly id: string;
  readonly extensions: Readonly<Record<string, { acsUserIdentity: string }>>;
}

function newUsers(count: number, extension = NAME): User[] {
  return Array.from({ length: count }, () => ({
    id: randomUUID(),
    extensions: { [extension]: { acsUserIdentity: api.foreignId() } },
  }));
}

async function importGraph(
  args: readonly string[] = [],
  environment: Record<string, string> = {},
): Promise<CommandResult> {
  const { emulator } = service();
  return acsIdentity(['identities', 'import-graph', '--tenant', emulator.tenantId, ...args], {
    environment: {
      ...operatorEnvironment(service()),
      GRAPH_URL: emulator.graphUrl,
      GRAPH_SCOPE: 'https://graph.microsoft.com/.default',
      ...environment,
    },
  });
}

async function mappingOf(user: User | undefined): Promise<string | undefined> {
  const { body } = await api.asAda('get', `/v1/identities?subject=${user?.id ?? ''}`);
  const { items } = body as { items: { communicationUserId: string }[] };
  return items[0]?.communicationUserId;
}

function idOf(user: User | undefined): string | undefined {
  return user?.extensions[NAME]?.acsUserIdentity;
}

async function requests(operation: string): Promise<number> {
  return (await service().emulator.control.readJournal({ service: 'graph', operation })).length;
}

describe('acs-identity identities import-graph', () => {
  it('imports the mappings of the sample through throttling, and reports each user that fails', async () => {
    const { control, tenantId } = service().emulator;
    const users = newUsers(110);
    const [stranger, wrong] = [randomUUID(), randomUUID()];
    await control.setGraphUsers([
      ...users,
      ...newUsers(10, 'com.example.other'),
      { id: stranger, extensions: { [NAME]: { acsUserIdentity: api.foreignId(randomUUID()) } } },
      { id: wrong, extensions: { [NAME]: { acsUserIdentity: 'not an identity' } } },
    ]);
    const headers = { 'retry-after': '0' };
    const throttled = { service: 'graph', kind: 'status', status: 429, headers } as const;
    await control.addFault({ ...throttled, operation: 'list-users', count: 1 });
    await control.addFault({ ...throttled, operation: 'batch', count: 1 });
    await control.addFault({ ...throttled, operation: 'get-extension', count: 25 });

    const imported = await importGraph(['--operator', 'olaf']);
    expect(imported.stdout).toMatch(
      /^\d+ users, 112 with an identity: 110 created, 0 unchanged, 2 failed\.\n$/,
    );
    expect(imported.stderr).toContain(`user ${stranger}: `);
    expect(imported.stderr).toContain(`user ${wrong}: invalid-line: acsUserIdentity: `);
    expect(imported.code).toBe(1);
    // The pages of the directory, and the one that was refused.
    expect(await requests('list-users')).toBe(3);
    for (const user of [users[0], users[109]]) expect(await mappingOf(user)).toBe(idOf(user));
    const entries = await service().auditEntries();
    const links = entries.filter(
      ({ action, outcome }) => action === 'identity.link' && outcome === 'success',
    );
    expect(links).toHaveLength(110);
    expect(links[0]).toMatchObject({
      actor: { kind: 'operator', name: 'olaf' },
      target: { tenant: tenantId, subject: users[0]?.id },
    });
  });

  it('prints the lines of an import and imports nothing in a dry run', async () => {
    const [user] = newUsers(1, 'com.fabrikam.acs') as [User];
    await service().emulator.control.setGraphUsers([user]);
    const { code, stdout, stderr } = await importGraph([
      '--dry-run',
      '--extension',
      'com.fabrikam.acs',
    ]);
    expect(parseNdjson(stdout)).toEqual([
      { userId: user.id, ...user.extensions['com.fabrikam.acs'] },
    ]);
    expect(stderr).toMatch(/^\d+ users, 1 with an identity\. Nothing was imported\.\n$/);
    expect(code).toBe(0);
    expect(await mappingOf(user)).toBeUndefined();

    const elsewhere = await importGraph(['--dry-run', '--graph-url', 'http://graph.microsoft.com']);
    expect(elsewhere.stderr).toBe('--graph-url must be an https address without a path.\n');
    expect(elsewhere.code).toBe(1);
  });

  it('resumes after the last page that was imported', async () => {
    const { control } = service().emulator;
    const resumeFile = join(folder, 'position');
    const users = newUsers(310);
    await control.setGraphUsers(users);
    // By this seed the fourth page is refused.
    const odds = { probability: 0.2, seed: 4, count: 1 };
    const refusal = { service: 'graph', operation: 'list-users', kind: 'status' } as const;
    await control.addFault({ ...refusal, status: 403, ...odds });
    const interrupted = await importGraph(['--resume-file', resumeFile]);
    expect(interrupted.code).toBe(1);
    expect(interrupted.stderr).toContain('Microsoft Graph answered 403');
    expect(await requests('list-users')).toBe(4);
    expect(await readFile(resumeFile, 'utf8')).toContain('skiptoken=200');
    expect(await service().newestEntry()).toMatchObject({
      action: 'identity.import',
      outcome: 'failure',
      reason: { code: 'import-broken-off' },
      details: { stage: 'ended', created: 200, failed: 0, isComplete: false },
    });

    const resumed = await importGraph(['--resume-file', resumeFile]);
    expect(resumed.stderr).toBe('');
    expect(resumed.stdout).toBe(
      '118 users, 118 with an identity: 110 created, 8 unchanged, 0 failed.\n',
    );
    expect(existsSync(resumeFile)).toBe(false);
    for (const user of [users[0], users[309]]) expect(await mappingOf(user)).toBe(idOf(user));
  });

  it('resumes at the users of an outage, and still says that others had failed before', async () => {
    const { control } = service().emulator;
    const resumeFile = join(folder, 'outage');
    const owner = new pg.Client({ connectionString: service().database.ownerUrl });
    await owner.connect();
    const users = newUsers(430);
    const [first] = users;
    if (first) users[0] = { ...first, extensions: { [NAME]: { acsUserIdentity: 'no id' } } };
    await control.setGraphUsers(users);
    try {
      await owner.query(`
        CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN
          IF NEW.subject = '${users[300]?.id ?? ''}' THEN
            RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
          END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER fill_disk BEFORE INSERT ON mapping FOR EACH ROW EXECUTE FUNCTION fill_disk()`);
      const interrupted = await importGraph(['--resume-file', resumeFile]);
      expect(interrupted.code).toBe(1);
      expect(interrupted.stderr).toContain('An outage ended the import early.');
    } finally {
      await owner.query('DROP FUNCTION fill_disk CASCADE');
      await owner.end();
    }
    const resumed = await importGraph(['--resume-file', resumeFile]);
    expect(resumed.stderr).toContain('Users that had failed before this run: 1.');
    expect(resumed.stdout).toMatch(/ 0 failed\.\n$/);
    expect(resumed.code).toBe(1);
    for (const user of [users[1], users[200], users[300], users[429]])
      expect(await mappingOf(user)).toBe(idOf(user));
  });
});
