import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issued, openTestLog } from '#libs/audit/testing';
import { ManualClock, testDatabase, type TestDatabase } from '#libs/platform/testing';
import { createProgram } from '../../apps/cli/src/program.js';
import { SAMPLE_PEOPLE, SAMPLE_TENANTS } from '../../apps/emulator/src/index.js';
import { acsIdentity, operatorEnvironment } from '../support/acs-identity.js';
import { commandHere } from '../support/command-here.js';
import { neverIssuedToken } from '../support/never-issued-token.js';
import { compileCache, repositoryRoot } from '../support/root.js';
import { runningService } from '../support/running-service.js';
import type { AuditEntry } from '../support/service.js';
import { issue } from '../support/tokens-api.js';

const PROGRAM = `${repositoryRoot}dist/bin/acs-identity.js`;
/** Of a file, in blocks of 512 bytes. */
const LIMIT_BLOCKS = 8;

const service = runningService();
/** A log that is old enough to be retired. */
let oldDatabase: TestDatabase;
let folder = '';

interface Run {
  readonly args: readonly string[];
  readonly input?: string;
  readonly environment?: Record<string, string>;
  /** An entry that the run leaves. */
  readonly entry: object;
}

const operator = (name: string) => ({ kind: 'operator', name });
const tenant = SAMPLE_TENANTS.home.id;
const alice = ['--tenant', tenant, '--subject', SAMPLE_PEOPLE.alice.objectId, '--yes'];
const nobody = ['--tenant', tenant, '--subject', randomUUID(), '--yes'];

/** For each command runs, and the entry that each leaves. `--operator` is added. */
const RECORDED: Readonly<Record<string, () => Promise<readonly Run[]>>> = {
  'identities import': async () => {
    const file = join(folder, 'identities.ndjson');
    await writeFile(file, '{"kind":"bot","subject":"imported"}\n');
    return [{ args: [file, '--tenant', tenant], entry: { action: 'identity.import' } }];
  },
  'identities import-graph': async () => {
    const { control, graphUrl } = service().emulator;
    await control.setGraphUsers([]);
    const environment = {
      GRAPH_URL: graphUrl,
      GRAPH_SCOPE: 'https://graph.microsoft.com/.default',
    };
    return [{ args: ['--tenant', tenant], environment, entry: { action: 'identity.import' } }];
  },
  'identities export': async () =>
    Promise.resolve([
      { args: ['--tenant', tenant], entry: { action: 'identity.export', target: { tenant } } },
    ]),
  'revocations start': async () =>
    Promise.resolve([
      {
        args: ['--tenant', randomUUID(), '--reason', 'a drill', '--yes'],
        entry: { action: 'revocation.start', outcome: 'denied' },
      },
      {
        args: ['--everyone', '--reason', 'a drill', '--yes'],
        entry: {
          action: 'revocation.start',
          reason: { code: 'mass-revocation', detail: 'a drill' },
        },
      },
      {
        args: ['--everyone', '--reason', 'a drill', '--dry-run'],
        entry: { action: 'identity.read', outcome: 'success' },
      },
    ]),
  'identities erase': async () =>
    Promise.resolve([
      { args: nobody, entry: { action: 'identity.delete', outcome: 'denied' } },
      { args: alice, entry: { action: 'identity.delete', outcome: 'success' } },
    ]),
  'teams-phone import': async () => {
    const file = join(folder, 'assignments.ndjson');
    await writeFile(file, `{"objectId":"${randomUUID()}","principalType":"user"}\n`);
    return [{ args: [file, '--tenant', tenant], entry: { action: 'teams-phone.import' } }];
  },
  'teams-phone export': async () =>
    Promise.resolve([
      { args: ['--tenant', tenant], entry: { action: 'teams-phone.export', target: { tenant } } },
    ]),
  'teams-phone reconcile': async () =>
    Promise.resolve([
      { args: ['--tenant', tenant], entry: { action: 'teams-phone.read', target: { tenant } } },
    ]),
  'audit check-mappings': async () => {
    const environment = operatorEnvironment(service());
    const { stdout } = await acsIdentity(['audit', 'keys'], { environment });
    return [{ args: ['--public-key', stdout.trim()], entry: { action: 'audit.read' } }];
  },
  'audit export': async () => Promise.resolve([{ args: [], entry: { action: 'audit.export' } }]),
  'audit search': async () =>
    Promise.resolve([{ args: ['--outcome', 'denied'], entry: { action: 'audit.read' } }]),
  'audit tail': async () =>
    Promise.resolve([{ args: ['-n', '1'], entry: { action: 'audit.read' } }]),
  'audit trace': async () =>
    Promise.resolve([
      { args: [], input: neverIssuedToken(), entry: { action: 'audit.trace' } },
      { args: ['--fingerprint', 'x'.repeat(43)], entry: { action: 'audit.trace' } },
    ]),
  'audit erase': async () =>
    Promise.resolve([
      { args: nobody, entry: { action: 'audit.erase', outcome: 'denied' } },
      { args: alice, entry: { action: 'audit.erase', outcome: 'success' } },
    ]),
  'audit erase-again': async () =>
    Promise.resolve([{ args: ['--check'], entry: { action: 'audit.read' } }]),
  'audit retain': async () =>
    Promise.resolve([
      {
        args: ['--before', '2021-01-01', '--yes'],
        environment: { DATABASE_OWNER_URL: oldDatabase.ownerUrl },
        entry: { action: 'audit.retain' },
      },
    ]),
  // The api records it, with the auditor whose token it is.
  'audit copy': async () => [
    {
      args: ['--url', service().url, '--folder', join(folder, 'copy')],
      environment: { ACS_IDENTITY_TOKEN: await service().token('grace') },
      entry: { action: 'audit.read' },
    },
  ],
};

/** Commands that leave no entry, and why. */
const UNRECORDED: Readonly<Record<string, string>> = {
  migrate: 'changes the schema, before there is a log to record in',
  doctor: 'reads, and calls nothing that changes something',
  'config check': 'reads environment variables and the clock of the database',
  'config list': 'reads nothing',
  'policy check': 'reads a file',
  'policy test': 'reads a file',
  'policy schema': 'reads nothing',
  'policy default': 'reads nothing',
  'revocations show': 'shows filters, counts and times',
  'revocations list': 'shows filters, counts and times',
  'audit verify': 'shows sizes, roots and indexes; its role can read only',
  'audit verify-proof': 'reads two files',
  'audit checkpoint': 'shows size and root',
  'audit keys': 'shows public keys',
  'audit health': 'shows states, counts and times',
  'audit sinks status': 'shows indexes and times',
  'audit sinks test': 'sends a record of its own, nothing of the log',
  'audit witness create': 'makes a key of another team',
  'audit witness run': 'is the service of another team; it sees sizes and roots',
};

function leaves(command: Command, parents: readonly string[] = []): string[] {
  return command.commands.flatMap((child) => {
    const path = [...parents, child.name()];
    return child.commands.length === 0 ? [path.join(' ')] : leaves(child, path);
  });
}

/** The entries of the log that the command works with. */
async function entriesOf(command: string): Promise<AuditEntry[]> {
  if (command !== 'audit retain') return service().auditEntries();
  const log = await openTestLog(oldDatabase.serviceUrl);
  const rows = await log.database.query<{ leaf: Buffer }>(
    'SELECT leaf FROM audit_entry ORDER BY entry_index',
  );
  await log.close();
  return rows.map(({ leaf }) => JSON.parse(leaf.toString()) as AuditEntry);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-identity-commands-'));
  oldDatabase = await testDatabase();
  const origin = 'localhost/acs-identity';
  const clock = new ManualClock('2020-06-15T00:00:00Z');
  const log = await openTestLog(oldDatabase.serviceUrl, { origin, clock });
  await log.trail.recordAll([issued(1), issued(2)]);
  await log.close();
  await issue(service(), 'alice');
});
afterAll(async () => {
  await oldDatabase.close();
  await rm(folder, { recursive: true });
});

describe('what the log records of commands', () => {
  it('names every command, as recorded or with the reason why it is not', () => {
    const named = [...Object.keys(RECORDED), ...Object.keys(UNRECORDED)];
    expect(named.sort()).toEqual(leaves(createProgram()).sort());
  });

  it.each(Object.keys(RECORDED))(
    '%s leaves an entry with its operator',
    async (command) => {
      for (const { args, input, environment, entry } of (await RECORDED[command]?.()) ?? []) {
        const before = (await entriesOf(command)).map(({ id }) => id);
        const name = randomUUID();
        const isOfApi = command === 'audit copy';
        const who = isOfApi ? [] : ['--operator', name];
        // The checkpoint file belongs to the service's log.
        const { AUDIT_CHECKPOINT_FILE: _file, ...shared } = operatorEnvironment(service());
        const whole = [...command.split(' '), ...args, ...who];
        const variables = { ...shared, ...environment };
        const { stderr } =
          input === undefined
            ? await commandHere(whole, { environment: variables })
            : await acsIdentity(whole, { environment: variables, input });
        const left = (await entriesOf(command)).filter(({ id }) => !before.includes(id));
        const actor = isOfApi ? { subject: SAMPLE_PEOPLE.grace.objectId } : operator(name);
        expect(left, `${args.join(' ')}: ${stderr}`).toContainEqual(
          expect.objectContaining({ ...entry, actor: expect.objectContaining(actor) as unknown }),
        );
      }
    },
    180_000,
  );
});

/** @param script a line of `sh`, in which `"$@"` is the command */
async function shell(script: string, args: readonly string[]) {
  const { AUDIT_CHECKPOINT_FILE: _file, ...environment } = operatorEnvironment(service());
  const child = spawn('sh', ['-c', script, 'sh', process.execPath, PROGRAM, ...args], {
    env: { PATH: process.env.PATH, ...compileCache, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  const stderr = await text(child.stderr);
  return { code: (await closed)[0], stderr };
}

/** Of each way to print: by the parser, in one piece, line by line, page by page, and beside an exit code of its own. */
const COMMANDS = [
  ['--help'],
  ['config', 'list'],
  ['identities', 'export', '--tenant', SAMPLE_TENANTS.home.id, '--operator', 'olivia'],
  ['audit', 'keys'],
  ['audit', 'health', '--json'],
  ['audit', 'search', '--json', '--operator', 'olivia'],
  ['audit', 'export', '--operator', 'olivia'],
  ['audit', 'sinks', 'status', '--json'],
];

describe('what a command can not print', () => {
  // Commands above have erased others.
  beforeAll(async () => void (await issue(service(), 'bob')));

  it.runIf(existsSync('/dev/full')).each(COMMANDS.map((args) => [args.join(' '), args] as const))(
    'is its result on a full disk: %s',
    async (_, args) => {
      const { code, stderr } = await shell('exec "$@" > /dev/full', args);
      expect(stderr).toContain(
        'Standard output could not be written: no space left on device. What it has is incomplete.\n',
      );
      expect(stderr).not.toContain('    at ');
      expect(code).toBe(1);
    },
  );

  it('is its result when a file takes a part of it only', async () => {
    const file = join(folder, 'part');
    const script = `trap '' XFSZ; ulimit -f ${LIMIT_BLOCKS}; exec "$@" > ${file}`;
    const { code, stderr } = await shell(script, ['policy', 'schema']);
    expect((await stat(file)).size).toBe(LIMIT_BLOCKS * 512);
    expect(stderr).toBe(
      'Standard output could not be written: the file may not be larger. What it has is incomplete.\n',
    );
    expect(code).toBe(1);
  });

  it('is its result when its reader has closed the pipe', async () => {
    const status = join(folder, 'status');
    const script = `{ "$@"; echo $? > ${status}; } | true; cat ${status} >&2`;
    const { stderr } = await shell(script, ['config', 'list']);
    expect(stderr).toBe(
      'Standard output could not be written: its reader has closed it. What it has is incomplete.\n1\n',
    );
  });
});
