import { setTimeout as delay } from 'node:timers/promises';
import { DataSource, type QueryRunner } from 'typeorm';
import { openTestLog, TEST_SIGNING_SEED } from '#libs/audit/testing';
import { dataSourceOptions } from '#libs/platform';
import { newPeople } from '../support/first-calls.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { untilSettled } from '../support/until-settled.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { EditUndo } from './support/edit-undo.js';
import { IdentityTraffic } from './support/identity-traffic.js';
import { LOG_EDITS } from './support/log-edits.js';
import { fillLog } from './support/log-filler.js';
import { LOG_TABLES } from './support/log-tables.js';
import { MappingEdits } from './support/mapping-edits.js';
import {
  fillRecordedTables,
  OWED_ROWS,
  RECORDED_TABLE_KEYS,
  RecordedTableEdits,
} from './support/recorded-table-edits.js';
import { SteadyLoad } from './support/steady-load.js';
import { VerificationWatch } from './support/verification-watch.js';

/** `AUDIT_VERIFICATION_SECONDS`; the other settings are the defaults. */
const BOUND_SECONDS = 20;
/** About 4,500 entries. */
const COMMITS = 500;
const PEOPLE = 30;
const EDITS_OF_MAPPINGS = 5;
const EDITS_OF_OTHER_TABLES = 3;
const EDITS_OF_LOG = 3;
/** So that no two of these are in one slice, where the first might hide the second. */
const ENTRIES_BETWEEN = 1_200;
const KEYS = 'audit_fingerprint_key';

interface Made {
  readonly what: string;
  readonly part: string;
  /** The first entry of the log, or the rows that it is about. */
  readonly about: number | readonly string[];
  /** Whether a finding of the part is about it. */
  readonly isIn: (detail: string) => boolean;
  readonly at: number;
  foundMs?: number;
}

const { count, prng } = startCampaign({
  name: 'background-verification',
  description: `Changes rows of the audit log and of the tables of mappings, mass revocations, invitations and assignments
as the database's superuser, under two replicas that issue tokens, with default settings but for AUDIT_VERIFICATION_SECONDS=${BOUND_SECONDS}. Up to ${EDITS_OF_LOG} random
edits of the log, ${EDITS_OF_MAPPINGS} of mappings and ${EDITS_OF_OTHER_TABLES} of the other tables at a time. Checks that within that time the log of a replica names the entry or the
row of each edit, and that metrics and readiness of both replicas show it. Then the edits are undone,
and both replicas must find the data whole again. Edits of what the service itself appends to or works on are left out.
Needs a machine that does nothing else.`,
  count: { of: 'edits', byDefault: 16 },
});

const cluster = await startTestCluster();
const service = await Service.start({
  cluster,
  replicas: 0,
  emulator: {
    acs: { limits: 'off', signingKeyBits: 1024 },
    secrets: { 'audit-signing-key': TEST_SIGNING_SEED },
  },
  environment: {
    AUDIT_VERIFICATION_SECONDS: String(BOUND_SECONDS),
    VISITOR_KEY_SECRET: 'invitation-key',
    LOG_LEVEL: undefined,
    // The defaults, which `Service` extends.
    ACS_TIMEOUT_MS: undefined,
    AUDIT_TIMEOUT_MS: undefined,
    DATABASE_TIMEOUT_MS: undefined,
    KEY_VAULT_TIMEOUT_MS: undefined,
  },
});
const failures: string[] = [];
const made: Made[] = [];
const dataSource = new DataSource(
  dataSourceOptions({ url: service.database.superuserUrl, poolSize: 2, timeoutMs: 60_000 }),
);
await dataSource.initialize();
try {
  await fill();
  for (let nth = 0; nth < 2; nth += 1) await service.addApi();
  const identities = new IdentityTraffic(await service.token('ada'), prng);
  await identities.warmUp(service.url);
  for (let nth = 0; nth < 80; nth += 1) await identities.send(service.url);
  await fillRecordedTables(service, prng);
  await untilSettled(service);
  const edits = await MappingEdits.open(dataSource, prng, { keepsConstraints: true });
  const tableEdits = await RecordedTableEdits.open(dataSource, prng);
  const keys = Object.fromEntries(LOG_TABLES.map(({ name, key }) => [name, key]));
  const undo = await EditUndo.install(dataSource, {
    ...{ ...keys, mapping: ['id'], ...RECORDED_TABLE_KEYS },
  });
  const watch = new VerificationWatch(service);
  const [{ before } = { before: '' }] = await service.rows<{ before: string }>(
    'SELECT now()::text AS before',
  );
  await until('a pass of every part is over', 120_000, async () => {
    const [row] = await service.rows<{ isOver: boolean }>(
      `SELECT bool_and(pass_started_at > '${before}') AS "isOver" FROM audit_verification`,
    );
    return (row?.isOver ?? false) && (await watch.isWhole());
  });

  const urls = service.apis.map(({ url }) => url);
  const bearers = (await newPeople(service, PEOPLE)).map(({ bearer }) => bearer);
  const load = new SteadyLoad(urls, bearers, prng, { clients: 2, maxPauseMs: 400 });
  const startedAt = performance.now();
  while (made.length < count) {
    watch.forget();
    const round = await editsOfRound({ edits, tableEdits }, count - made.length);
    await found(round, watch);
    await inTransaction(async (runner) => undo.undo(runner));
    await until('the data are whole again', 6_000 * BOUND_SECONDS, async () => watch.isWhole());
    made.push(...round);
    console.log(`${made.length} edits, ${failures.length} failures, ${load.sent} tokens`);
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  await load.stop();
  failures.push(...new Set(load.failures));
  report(seconds, load.sent);
} catch (error) {
  const lines = service.logLines.filter((line) => !line.includes('"level":"info"'));
  failures.push([String(error), ...lines.slice(-20)].join('\n'));
} finally {
  await dataSource.destroy();
  await service.stop();
  await cluster.remove();
}
process.exit(finishCampaign(made.length, failures));

async function fill(): Promise<void> {
  const log = await openTestLog(service.database.serviceUrl, { origin: 'localhost/acs-identity' });
  await fillLog(log, service.database, prng, COMMITS);
  await log.close();
}

async function inTransaction<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
  const runner = dataSource.createQueryRunner();
  await runner.startTransaction();
  try {
    const result = await work(runner);
    await runner.commitTransaction();
    return result;
  } catch (error) {
    await runner.rollbackTransaction();
    throw error;
  } finally {
    await runner.release();
  }
}

type Edit = (runner: QueryRunner) => Promise<Omit<Made, 'at'> | undefined>;

/** Makes random edits until one is possible and leaves the work of the service alone. */
async function editOf(edit: Edit): Promise<Made> {
  for (;;) {
    const runner = dataSource.createQueryRunner();
    await runner.startTransaction();
    try {
      await runner.query('SET LOCAL session_replication_role = replica');
      const before = await workOf(runner);
      const result = await edit(runner);
      if (result && (await workOf(runner)) === before) {
        await runner.commitTransaction();
        return { ...result, at: performance.now() };
      }
      await runner.rollbackTransaction();
    } catch (error) {
      await runner.rollbackTransaction();
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      // Data exceptions and violated constraints.
      if (!/^2[23]/.test(code)) throw error;
    } finally {
      await runner.release();
    }
  }
}

/**
 * What the service appends to, and the mappings that it works on. It compares tiles, and heads since the last
 * whole tile, with its own checkpoint: once they differ, a replica records nothing until it is started again.
 */
async function workOf(runner: QueryRunner): Promise<string> {
  const [row] = (await runner.query(
    `SELECT (SELECT string_agg((size, from_size, root, leaf_hashes, recorded_at)::text, ' ' ORDER BY size)
        FROM audit_head WHERE size > (SELECT max(size) / 256 * 256 FROM audit_head)) AS heads,
       (SELECT md5(string_agg((t.*)::text, ' ' ORDER BY level, tile_index)) FROM audit_tile t) AS tiles,
       (SELECT max(end_at) FROM audit_statistic_run)::text AS counted,
       (SELECT string_agg(id::text, ' ' ORDER BY id) FROM mapping
        WHERE is_revoking OR status = 'deleting' OR lease_expires_at IS NOT NULL) AS owed,
       (SELECT string_agg(id, ' ' ORDER BY id) FROM (${OWED_ROWS}) AS other) AS "owedOfOthers"`,
  )) as object[];
  return JSON.stringify(row);
}

async function editsOfRound(
  { edits, tableEdits }: { readonly edits: MappingEdits; readonly tableEdits: RecordedTableEdits },
  most: number,
): Promise<Made[]> {
  const round: Made[] = [];
  while (round.length < Math.min(most, EDITS_OF_LOG)) {
    const edit = await editOf(async (runner) => logEdit(round, runner));
    round.push(edit);
    // Other edits make counts wrong as well.
    if (edit.part === 'statistics') break;
  }
  const others = Math.min(most, round.length + EDITS_OF_OTHER_TABLES);
  while (round.length < others) {
    round.push(await editOf(async (runner) => tableEdit(tableEdits, round, runner)));
  }
  const size = Math.min(most, round.length + EDITS_OF_MAPPINGS);
  while (round.length < size) {
    await delay(prng.below(1_000));
    round.push(await editOf(async (runner) => mappingEdit(edits, round, runner)));
  }
  return round;
}

async function logEdit(others: readonly Made[], runner: QueryRunner): ReturnType<Edit> {
  const tampering = await prng.pick(LOG_EDITS)(runner, prng);
  if (!tampering) return undefined;
  const { what, firstIndex } = tampering;
  const isOfHours = what.includes('audit_statistic');
  if (isOfHours && others.length > 0) return undefined;
  // A later edit of the same key hides an earlier one, and wrong entries hide those of their slice: then it is
  // found where the key is used elsewhere.
  const isOfKey = what.includes(KEYS);
  if (isOfKey && others.some((other) => other.what.includes(KEYS))) return undefined;
  if (others.some(({ about }) => Math.abs(Number(about) - firstIndex) < ENTRIES_BETWEEN)) {
    return undefined;
  }
  return {
    what,
    part: isOfHours ? 'statistics' : 'log',
    about: firstIndex,
    isIn: (detail) =>
      isOfHours || isOfEntry(detail, firstIndex) || (isOfKey && detail.includes('first use')),
  };
}

function isOfEntry(detail: string, index: number): boolean {
  const [, from, to = from] = /^entr(?:y|ies) (\d+)(?: to (\d+))?:/.exec(detail) ?? [];
  return Number(from) <= index && index <= Number(to);
}

async function mappingEdit(
  edits: MappingEdits,
  others: readonly Made[],
  runner: QueryRunner,
): ReturnType<Edit> {
  const tampering = await edits.edit(runner);
  if (!tampering) return undefined;
  const { what, ids } = tampering;
  if (others.some(({ about }) => ids.some((id) => [about].flat().includes(id)))) return undefined;
  const left = new Set(ids);
  return {
    what,
    part: 'mappings',
    about: ids,
    isIn: (detail) => {
      for (const id of left) if (detail.startsWith(`mapping ${id}:`)) left.delete(id);
      return left.size === 0;
    },
  };
}

async function tableEdit(
  edits: RecordedTableEdits,
  others: readonly Made[],
  runner: QueryRunner,
): ReturnType<Edit> {
  const tampering = await edits.edit(runner);
  if (!tampering) return undefined;
  const { what, part, id, prefix } = tampering;
  if (others.some(({ about }) => [about].flat().includes(id))) return undefined;
  return { what, part, about: [id], isIn: (detail) => detail.startsWith(prefix) };
}

/** Waits until each edit is found, or three bounds are over. */
async function found(edits: readonly Made[], watch: VerificationWatch): Promise<void> {
  const deadline = performance.now() + 3_000 * BOUND_SECONDS;
  while (edits.some(({ foundMs }) => foundMs === undefined) && performance.now() < deadline) {
    await delay(100);
    const parts = await watch.degradedParts();
    watch.read();
    for (const edit of edits) {
      const { part, isIn, at } = edit;
      const isNamed = watch.findings.some((one) => one.part === part && isIn(one.detail));
      if (isNamed && parts.has(part)) edit.foundMs ??= performance.now() - at;
    }
  }
  for (const { what, foundMs } of edits) {
    if (foundMs !== undefined && foundMs <= 1_000 * BOUND_SECONDS) continue;
    const findings = watch.findings.map(({ part, detail }) => `${part} ${detail}`).slice(0, 5);
    const when = foundMs === undefined ? 'not found' : `found after ${Math.round(foundMs)} ms`;
    const beside = edits.map((edit) => edit.what).join(', ');
    const failure = `${what}: ${when}, named: ${findings.join('; ')}; edits: ${beside}`;
    console.error(failure);
    failures.push(failure);
  }
}

function report(seconds: number, tokens: number): void {
  const times = made.flatMap(({ foundMs }) => foundMs ?? []).sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(times[Math.floor(share * (times.length - 1))] ?? 0);
  const kinds = Map.groupBy(made, ({ what }) => what.split(':')[0] ?? '');
  for (const [kind, ofKind] of [...kinds].sort(([a], [b]) => a.localeCompare(b))) {
    console.log(`  ${kind}: ${ofKind.length}`);
  }
  console.log(
    `found after ${at(0.5)} ms (median), ${at(0.95)} ms (95 %), ${at(1)} ms (longest); bound ${BOUND_SECONDS} s; ${tokens} tokens meanwhile, ${(tokens / seconds).toFixed(1)}/s`,
  );
}
