import { AuditTrail, checkTable, type RecordedTable, type TableReport } from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import {
  MappingCheck,
  type MappingCheckReport,
  RevocationTable,
  type UncheckedMapping,
} from '#libs/identity-mapping';
import { AssignmentTable } from '#libs/teams-phone';
import { InvitationTable } from '#libs/visitors';
import { withDatabase } from '../database.js';
import { progressBar } from '../progress-bar.js';
import { operatorActor, type OperatorOptions, withPart } from '../service-part.js';
import { type KeyOptions, readCheckpoint, readVerificationKeys } from './verification-keys.js';
import { printReport as printLogReport } from './verify.js';
import { print } from '../../standard-output.js';

export interface CheckMappingsOptions extends KeyOptions, OperatorOptions {
  readonly known?: readonly string[];
  readonly limit: number;
  readonly readOnly?: true;
  readonly json?: true;
}

/** The server sorts millions of entries in one statement. */
const TIMEOUT_MS = 3_600_000;

/** Exit code when nothing differs, but not everything could be compared, or there was nothing. */
const EX_NOT_CHECKED = 2;

const REASONS: Readonly<Record<UncheckedMapping['reason'], string>> = {
  retired: 'entries about it are retired (acs-identity audit retain)',
  erased: 'the recorded value was erased (acs-identity audit erase)',
  'not-recorded': 'its entries do not record it',
};

/** The tables besides that of the mappings. */
const TABLES: readonly RecordedTable[] = [
  new RevocationTable(),
  new InvitationTable(),
  new AssignmentTable(),
];

interface CheckReport extends MappingCheckReport {
  /** Empty when the log is not whole. */
  readonly tables: readonly TableReport[];
}

/** Prints whether the mappings, and the rows of the other tables, are as the log recorded them, else which are not. */
export async function checkMappings(
  options: CheckMappingsOptions,
  composition: CompositionOptions,
): Promise<void> {
  const report = options.readOnly
    ? await check(options)
    : await withPart(auditPart, options.databaseUrl, composition, async (service) => {
        const found = await check(options);
        await record(service.get(AuditTrail), found, options);
        return found;
      });
  if (options.json) {
    const { root, ...log } = report.log;
    print(JSON.stringify({ ...report, log: { ...log, root: root.toString('base64') } }));
  } else {
    printReport(report);
  }
  process.exitCode = exitCodeOf(report);
}

async function check(options: CheckMappingsOptions): Promise<CheckReport> {
  const keys = readVerificationKeys(options);
  const known = (options.known ?? []).map((path) => readCheckpoint(path, keys));
  const [entries, mappings] = [progressBar('entries'), progressBar('mappings')];
  return withDatabase(
    options.databaseUrl,
    async (database) =>
      database.transaction(async (transaction) => {
        await transaction.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
        const report = await new MappingCheck(database).runIn(transaction, {
          ...keys,
          known,
          listLimit: options.limit,
          onProgress: entries.show,
          onMappings: mappings.show,
        });
        const tables: TableReport[] = [];
        for (const table of report.log.faults.length > 0 ? [] : TABLES) {
          tables.push(await checkTable(transaction, table, options.limit));
        }
        return { ...report, tables };
      }),
    TIMEOUT_MS,
  ).finally(() => {
    entries.end();
    mappings.end();
  });
}

/** Recorded with its result, before it is shown. */
async function record(
  trail: AuditTrail,
  { log, rows, differenceCount, unchecked, tables }: CheckReport,
  options: CheckMappingsOptions,
): Promise<void> {
  await trail.record({
    action: 'audit.read',
    outcome: 'success',
    actor: operatorActor(options),
    details: {
      route: 'check-mappings',
      size: log.size,
      logFaults: log.faults.length,
      mappings: rows,
      differences: differenceCount,
      unchecked,
      ...Object.fromEntries(tables.map(({ name, rows: count }) => [name, count])),
      differencesOfOtherTables: differencesOf(tables),
    },
  });
}

function exitCodeOf({
  log,
  rows,
  missing,
  unchecked,
  differenceCount,
  tables,
}: CheckReport): number {
  if (log.faults.length > 0 || differenceCount + differencesOf(tables) > 0) return 1;
  const isWhole = unchecked === 0 && tables.every(({ isPermitted }) => isPermitted);
  return log.size === 0 || rows + missing === 0 || !isWhole ? EX_NOT_CHECKED : 0;
}

function differencesOf(tables: readonly TableReport[]): number {
  return tables.reduce((sum, { differenceCount }) => sum + differenceCount, 0);
}

function printReport(report: CheckReport): void {
  const { log, rows, agreeing, pending, differing, unchecked, missing } = report;
  if (log.faults.length > 0) {
    printLogReport(log);
    print('The mappings were not compared with a log that is not whole.');
    return;
  }
  if (log.size === 0 || rows + missing === 0) {
    print('There is nothing to check: the log or the table of mappings is empty.');
    return;
  }
  print(summaryOf(report));
  print(
    `  ${rows} mappings: ${agreeing} agree, ${differing} differ, ${unchecked} not compared in full, ${pending} pending without a communication identity; ${missing} missing`,
  );
  print(`  the log: ${log.size} entries, verified, root ${log.root.toString('base64')}`);
  for (const table of report.tables) print(`  ${tableSummaryOf(table)}`);
  printDifferences(report);
  for (const table of report.tables) printTableDifferences(table);
  printUnchecked(report);
}

function tableSummaryOf({ name, isPermitted, rows, differenceCount }: TableReport): string {
  if (!isPermitted) return `${name}: not compared, because the role may not read them`;
  const result = differenceCount === 0 ? 'agree with the log' : `${differenceCount} differences`;
  return `${rows} ${name}: ${result}`;
}

function printTableDifferences({ noun, differences, differenceCount }: TableReport): void {
  if (differences.length === 0) return;
  print(`\n${noun.padEnd(36)}  ${'entry'.padStart(9)}  difference`);
  for (const { row, entry, kind, detail } of differences) {
    print(`${row.padEnd(36)}  ${String(entry ?? '–').padStart(9)}  ${kind}: ${detail}`);
  }
  printRest(differenceCount - differences.length);
}

function summaryOf({ differenceCount, unchecked, tables }: CheckReport): string {
  if (differenceCount > 0)
    return `The mappings do NOT agree with the log: ${differenceCount} differences.`;
  const others = differencesOf(tables);
  if (others > 0)
    return `The mappings agree with the log, but other tables do NOT: ${others} differences.`;
  if (unchecked > 0)
    return 'No mapping differs from the log, but not all could be compared in full.';
  return 'The mappings agree with the log.';
}

function printDifferences({ differences, differenceCount }: MappingCheckReport): void {
  if (differences.length === 0) return;
  print(`\n${'mapping'.padEnd(36)}  ${'entry'.padStart(9)}  difference`);
  for (const { mapping, entry, kind, detail } of differences) {
    print(`${mapping.padEnd(36)}  ${String(entry ?? '–').padStart(9)}  ${kind}: ${detail}`);
  }
  printRest(differenceCount - differences.length);
}

function printUnchecked({ uncheckedMappings, uncheckedCount }: MappingCheckReport): void {
  if (uncheckedMappings.length === 0) return;
  print(`\n${'mapping'.padEnd(36)}  not compared`);
  for (const { mapping, columns, reason } of uncheckedMappings) {
    print(`${mapping.padEnd(36)}  ${columns.join(', ')}: ${REASONS[reason]}`);
  }
  printRest(uncheckedCount - uncheckedMappings.length);
}

function printRest(count: number): void {
  if (count > 0) print(`and ${count} more (--limit)`);
}
