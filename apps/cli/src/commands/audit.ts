import { Command, InvalidArgumentError, Option } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { CheckMappingsOptions } from '../actions/audit/check-mappings.js';
import type { CopyOptions } from '../actions/audit/copy.js';
import type { EraseAgainOptions } from '../actions/audit/erase-again.js';
import type { EraseOptions } from '../actions/audit/erase.js';
import type { ExportFormat, ExportOptions } from '../actions/audit/export.js';
import type { RetainOptions } from '../actions/audit/retain.js';
import type { SearchOptions, TailOptions } from '../actions/audit/search.js';
import type { TraceOptions } from '../actions/audit/trace.js';
import type { VerifyProofOptions } from '../actions/audit/verify-proof.js';
import type { VerifyOptions } from '../actions/audit/verify.js';
import { healthCommand } from './audit-health.js';
import { sinksCommand } from './audit-sinks.js';
import { witnessCommand } from './audit-witness.js';
import { addFilterOptions, filterOf, type FilterOptions } from './filter-options.js';
import {
  databaseOption,
  operatorOption,
  isCalendarDay,
  wholeNumber,
  wholeNumberFrom,
  yesOption,
} from './options.js';

interface DatabaseOptions {
  readonly databaseUrl: string;
}

const FORMATS = { ndjson: true, csv: true, cef: true, ocsf: true, ecs: true } satisfies Record<
  ExportFormat,
  true
>;

const recordedHelp = `
The command is recorded in the log itself. It reads the api's environment variables that say where the
keys are: KEY_VAULT_URL, AZURE_CREDENTIAL and AUDIT_LOG_ORIGIN (acs-identity config list).`;

/** `acs-identity audit …` */
export function auditCommand(composition: CompositionOptions): Command {
  return new Command('audit')
    .description('Verify, read, export and prune the audit log.')
    .addCommand(verifyCommand())
    .addCommand(verifyProofCommand())
    .addCommand(checkMappingsCommand(composition))
    .addCommand(checkpointCommand())
    .addCommand(keysCommand(composition))
    .addCommand(copyCommand())
    .addCommand(exportCommand(composition))
    .addCommand(searchCommand(composition))
    .addCommand(tailCommand(composition))
    .addCommand(traceCommand(composition))
    .addCommand(eraseCommand(composition))
    .addCommand(eraseAgainCommand(composition))
    .addCommand(retainCommand(composition))
    .addCommand(healthCommand(composition))
    .addCommand(sinksCommand(composition))
    .addCommand(witnessCommand());
}

function verifyCommand(): Command {
  return new Command('verify')
    .description('Verify the whole log, or what was added since a checkpoint.')
    .addOption(
      new Option(
        '--database-url <url>',
        'verify the log in its database; the role needs to read the audit tables only',
      ).env('DATABASE_URL'),
    )
    .option('--folder <path>', 'verify a copy: files as GET /v1/audit/log/… serves them')
    .addOption(publicKeyOption())
    .addOption(publicKeyFileOption())
    .option('--since <path>', 'file with a signed checkpoint that was verified before')
    .option('--known <paths...>', 'files with signed checkpoints that the log must continue')
    .option(
      '--save <path>',
      'write the verified checkpoint here, for the next --since; the log must continue the one it replaces',
    )
    .option(
      '--witness-policy <path>',
      'policy file (C2SP tlog-policy) of the witnesses that must have cosigned the log',
    )
    .option(
      '--witnessed-within <minutes>',
      'with --witness-policy: count no older cosignatures',
      wholeNumber,
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Verifies every entry, the values stored beside it, every tile, head and signature. A folder needs
nothing but the public key: no database, no service. The log must continue every checkpoint of --since,
--known and --save, whatever their sizes: a log that was rolled back or forked is not whole. With a policy, it
must also continue a checkpoint that a quorum of its witnesses cosigned; the log lines of the policy are the
keys when no others are given.

Exit code 0: the log is whole. 1: it is not, or it could not be verified; the first bad index is named. 2: the
log is empty, so that there was nothing to verify; with a checkpoint of a log that had entries it is 1.

  acs-identity audit verify --database-url postgres://auditor@host/identity --public-key-file log.keys
  acs-identity audit verify --folder copy --public-key-file log.keys --since seen.txt --save seen.txt`,
    )
    .action(async (options: VerifyOptions) => {
      const { verifyLog } = await import('../actions/audit/verify.js');
      await verifyLog(options);
    });
}

function verifyProofCommand(): Command {
  return new Command('verify-proof')
    .description('Verify that the log contains an entry, with the evidence that was saved of it.')
    .requiredOption('--proof <path>', 'the entry’s .tlog-proof file')
    .requiredOption('--entry <path>', 'the entry’s bytes')
    .addOption(publicKeyOption())
    .addOption(publicKeyFileOption())
    .addHelpText(
      'after',
      `
Both files come from Save evidence of the console, or from GET /v1/audit/entries/{id}/proof and
GET /v1/audit/entries/{id}. Needs nothing else: no service, no database, no copy of the log. Take the keys from
somebody other than who gave you the files.

  acs-identity audit verify-proof --proof entry-7.tlog-proof --entry entry-7.json --public-key-file log.keys`,
    )
    .action(async (options: VerifyProofOptions) => {
      const { verifyProof } = await import('../actions/audit/verify-proof.js');
      await verifyProof(options);
    });
}

function checkMappingsCommand(composition: CompositionOptions): Command {
  return new Command('check-mappings')
    .description(
      'Compare every mapping, mass revocation, invitation and assignment with the audit log.',
    )
    .addOption(databaseOption())
    .addOption(publicKeyOption())
    .addOption(publicKeyFileOption())
    .option('--known <paths...>', 'files with signed checkpoints that the log must continue')
    .option('--limit <count>', 'number of differences to list; all are counted', wholeNumber, 1000)
    .option('--json', 'print the result as JSON')
    .option(
      '--read-only',
      'work with a role that can only read, without the keys of the service; the command is then not recorded',
    )
    .addOption(operatorOption())
    .addHelpText(
      'after',
      `
Verifies the whole log first, because a log that is not whole proves nothing. Then replays its entries, and
compares each row of the table of mappings with them, in both directions: rows without an entry, entries
without a row, columns that are not as recorded, two rows of one person, two of one communication identity,
and entries that name what their mapping was not at that time. Names the row and the entry of each difference,
and each column that it could not compare, with the reason. Then compares the mass revocations, the invitations
and the assignments of Teams Phone, in both directions as well. Reads one snapshot and locks nothing: the
service may work meanwhile.

Exit code 0: all rows agree with the log. 1: they differ, or the log is not whole, or the check failed.
2: nothing differs, but something could not be compared, or there was nothing to check.

  acs-identity audit check-mappings --public-key-file log.keys --known seen.txt
  acs-identity audit check-mappings --read-only --database-url postgres://auditor@host/identity --public-key-file log.keys
${recordedHelp}`,
    )
    .action(async (options: CheckMappingsOptions) => {
      const { checkMappings } = await import('../actions/audit/check-mappings.js');
      await checkMappings(options, composition);
    });
}

function checkpointCommand(): Command {
  return new Command('checkpoint')
    .description('Print the newest signed checkpoint. Keep it where nobody can change it.')
    .addOption(databaseOption())
    .action(async ({ databaseUrl }: DatabaseOptions) => {
      const { printCheckpoint } = await import('../actions/audit/checkpoint.js');
      await printCheckpoint(databaseUrl);
    });
}

function keysCommand(composition: CompositionOptions): Command {
  return new Command('keys')
    .description(
      'Print the public keys of the log, one verifier key a line. Retired ones have the size until which they count, eight days after they were replaced.',
    )
    .addOption(databaseOption())
    .addHelpText(
      'after',
      '\nReads the api’s environment variables that say where the signing keys are.',
    )
    .action(async ({ databaseUrl }: DatabaseOptions) => {
      const { printKeys } = await import('../actions/audit/keys.js');
      await printKeys(databaseUrl, composition);
    });
}

function copyCommand(): Command {
  return (
    new Command('copy')
      .description('Copy the log from a running service into a folder, to verify it there.')
      .requiredOption('--url <url>', 'address of the service, such as https://identity.example.com')
      .requiredOption('--folder <path>', 'folder to write to; it is created')
      .option('--token-file <path>', 'file that holds the bearer token')
      .addOption(
        new Option(
          '--public-key <keys...>',
          'verifier keys of the log; a checkpoint that none of them signed is refused',
        ).env('AUDIT_PUBLIC_KEY'),
      )
      .option('--public-key-file <path>', 'file with verifier keys, one a line')
      // Without a flag in the help: every user of the machine can see command lines.
      .addOption(new Option('--token <token>').env('ACS_IDENTITY_TOKEN').hideHelp())
      .addHelpText(
        'after',
        `
The token may also be set by ACS_IDENTITY_TOKEN. It must carry AuditLog.Read.All and be one of the home tenant.

The copy is laid out as C2SP tlog-tiles says, so that other tools can read it. A run that was interrupted
is completed by the next one; later runs add new entries. A log that does not continue the copy, because it
was rolled back or forked, is refused, and the copy stays as it is. Then: acs-identity audit verify --folder …`,
      )
      .action(async (options: CopyOptions) => {
        const { copyLog } = await import('../actions/audit/copy.js');
        await copyLog(options);
      })
  );
}

function exportCommand(composition: CompositionOptions): Command {
  const command = new Command('export').description(
    'Write entries in the order of their indexes, for a SIEM or an archive.',
  );
  return addFilterOptions(command)
    .addOption(
      new Option('--format <format>', 'format of the lines')
        .choices(Object.keys(FORMATS))
        .default('ndjson'),
    )
    .option('--from-index <index>', 'first index to export', wholeNumber, 0)
    .option('--output <path>', 'file to append the lines to; default: standard output')
    .option('--cursor-file <path>', 'file that holds the index at which the next run continues')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText(
      'after',
      `
Without filters, all entries; with some, those that match all of them.

With --cursor-file, a run continues where the last one stopped and appends to --output. After an
interrupted run the last entries may come twice, but none is missing. Each entry has its index and its id.

  acs-identity audit export --format ecs --output audit.ndjson --cursor-file audit.cursor
  acs-identity audit export --from 30d --action token.issue --outcome denied --format csv --output denied.csv
${recordedHelp}`,
    )
    .action(async (options: Omit<ExportOptions, 'filter'> & FilterOptions) => {
      const { exportLog } = await import('../actions/audit/export.js');
      await exportLog({ ...options, filter: filterOf(options) }, composition);
    });
}

function searchCommand(composition: CompositionOptions): Command {
  const command = new Command('search').description('Find entries, newest first.');
  return addFilterOptions(command)
    .option(
      '--limit <count>',
      'number of entries to print, 1 to 100000',
      wholeNumberFrom(1, 100_000),
      50,
    )
    .addOption(
      new Option('--order <order>', 'by index')
        .choices(['descending', 'ascending'])
        .default('descending'),
    )
    .option('--json', 'print one JSON object a line')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText(
      'after',
      `
An entry must match all options; of an option with several values it must have one.

  acs-identity audit search --from 24h --outcome denied failure
  acs-identity audit search --request-id 859ea2ba-df6f-49f3-be69-2ccfc09a36d2 --json
${recordedHelp}`,
    )
    .action(async (options: Omit<SearchOptions, 'filter'> & FilterOptions) => {
      const { searchLog } = await import('../actions/audit/search.js');
      await searchLog({ ...options, filter: filterOf(options) }, composition);
    });
}

function tailCommand(composition: CompositionOptions): Command {
  const command = new Command('tail').description(
    'Print the newest entries, and those that are recorded from now on.',
  );
  return addFilterOptions(command)
    .option(
      '-n, --lines <count>',
      'number of entries to begin with, up to 1000',
      wholeNumberFrom(0, 1000),
      10,
    )
    .option('-f, --follow', 'print later entries too, until the command is interrupted')
    .option('--json', 'print one JSON object a line')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText(
      'after',
      `
Looks for entries every two seconds and leaves one entry of its own, at its start.

  acs-identity audit tail -f --outcome denied
${recordedHelp}`,
    )
    .action(async (options: Omit<TailOptions, 'filter'> & FilterOptions) => {
      const { tailLog } = await import('../actions/audit/search.js');
      await tailLog({ ...options, filter: filterOf(options) }, composition);
    });
}

function traceCommand(composition: CompositionOptions): Command {
  return new Command('trace')
    .description('Find out who got a leaked token, and which others may still be valid.')
    .option('--fingerprint <fingerprint>', 'fingerprint as an entry shows it, instead of the token')
    .option(
      '--token-id <id>',
      'uti or jti of a token of a caller, instead of the token: what was issued to it',
    )
    .option('--token-file <path>', 'file that holds the token; default: standard input')
    .option('--json', 'print all entries as JSON')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText(
      'after',
      `
The token is neither stored nor logged.
Exit code 1: the log has no such token.

  acs-identity audit trace < leaked-token.txt
${recordedHelp}`,
    )
    .action(async (options: TraceOptions) => {
      const { traceToken } = await import('../actions/audit/trace.js');
      await traceToken(options, composition);
    });
}

function eraseCommand(composition: CompositionOptions): Command {
  return new Command('erase')
    .description(
      'Erase a person’s addresses, user agents and names beside the log. Entries and proofs stay.',
    )
    .requiredOption('--tenant <id>', 'tenant of the person')
    .requiredOption('--subject <id>', 'subject of the person: for Entra, the object id')
    .option('--reason <text>', 'such as the number of the request; goes into the log')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText('after', `\nExit code 1: the log has nothing about the person.\n${recordedHelp}`)
    .action(async (options: EraseOptions) => {
      const { erasePersonalData } = await import('../actions/audit/erase.js');
      await erasePersonalData(options, composition);
    });
}

function eraseAgainCommand(composition: CompositionOptions): Command {
  return new Command('erase-again')
    .description(
      'Find personal values that were erased and came back with a restore, and erase them.',
    )
    .option('--folder <path>', 'copy of the log of before the restore, for erasures that it lost')
    .addOption(publicKeyOption())
    .addOption(publicKeyFileOption())
    .option(
      '--export <path>',
      'the same from an export in the format ndjson, which is not verified',
    )
    .option('--check', 'erase nothing; exit code 1 if values are back')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText(
      'after',
      `
Looks for values that an erasure covered: one of this log, or of a copy or an export of its later state. Run it
after each restore, before the service starts: an erasure that the log lost is recorded anew and covers all
that is stored of the person by then. Safe to repeat.

  acs-identity audit erase-again --folder copy --public-key-file log.keys
${recordedHelp}`,
    )
    .action(async (options: EraseAgainOptions) => {
      const { eraseAgain } = await import('../actions/audit/erase-again.js');
      await eraseAgain(options, composition);
    });
}

function retainCommand(composition: CompositionOptions): Command {
  return new Command('retain')
    .description('Drop the bodies of entries of past months, and record it in the log.')
    .requiredOption('--before <day>', 'drop what is older, such as 2029-01-01', day)
    .addOption(databaseOption('DATABASE_OWNER_URL', 'the role that owns the schema'))
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText(
      'after',
      `
Drops whole months: those that ended before the day, and at least a day ago; a day in the future is refused.
Hashes stay, so that proofs of the other entries
remain valid and the log verifies. Export first what must be kept.
${recordedHelp}`,
    )
    .action(async (options: RetainOptions) => {
      const { retainEntries } = await import('../actions/audit/retain.js');
      await retainEntries(options, composition);
    });
}

function publicKeyOption(): Option {
  return new Option(
    '--public-key <keys...>',
    'verifier keys of the log as `audit keys` prints them: <name>+<key id>+<base64>, of a retired one with " until <size>"',
  ).env('AUDIT_PUBLIC_KEY');
}

function publicKeyFileOption(): Option {
  return new Option('--public-key-file <path>', 'file with verifier keys, one a line');
}

function day(text: string): Date {
  const time = new Date(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || !isCalendarDay(text)) {
    throw new InvalidArgumentError('It must be a day such as 2029-01-01.');
  }
  return time;
}
