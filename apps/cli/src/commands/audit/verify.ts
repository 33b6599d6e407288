import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import {
  DatabaseVerifier,
  readSignedHead,
  TileDirectory,
  verifyFolder,
  type VerifyReport,
} from '#libs/audit';
import { withDatabase } from './database.js';
import { progressBar } from './progress.js';
import { checkpointOf, trustOf, type TrustOptions, withTrustOptions } from './verification-keys.js';

interface VerifyOptions extends TrustOptions {
  readonly databaseUrl?: string;
  readonly folder?: string;
  readonly since?: string;
  readonly known?: readonly string[];
  readonly save?: string;
  readonly json?: true;
}

interface Verified {
  readonly report: VerifyReport;
  /** The signed checkpoint of what was verified. */
  readonly checkpoint: string | undefined;
}

type Progress = (verified: number, total: number) => void;

const help = `
Verified are every entry, what is stored beside it, every tile, head and signature. From a folder, no
database, service or key of ours is needed: the files and the public key are all there is to it.

Exit code 0: the log is whole. 1: it is not, or could not be verified; the first bad index is named.

  acs-identity audit verify --database-url postgres://auditor@host/identity --public-key-file log.keys
  acs-identity audit verify --folder copy --public-key-file log.keys --since seen.txt --save seen.txt`;

/** `acs-identity audit verify`: says whether the log is whole, else where it first is not. */
export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Verifies the whole log, or what was added since a checkpoint.')
    .addOption(
      new Option(
        '--database-url <url>',
        'verify where the log is stored; reading its tables is all that the role must be allowed',
      ).env('DATABASE_URL'),
    )
    .option('--folder <path>', 'verify a copy: files as GET /v1/audit/log/… serves them');
  return withTrustOptions(command)
    .option('--since <path>', 'file with a signed checkpoint that was verified before')
    .option('--known <paths...>', 'files with signed checkpoints that the database must continue')
    .option('--save <path>', 'keep the verified checkpoint here, for the next --since')
    .option('--json', 'print the finding as JSON')
    .addHelpText('after', help)
    .action(verify);
}

async function verify(options: VerifyOptions): Promise<void> {
  const bar = progressBar('entries');
  const { report, checkpoint } = await verified(options, bar.show).finally(bar.end);
  if (options.json)
    console.log(JSON.stringify({ ...report, root: report.root.toString('base64') }));
  else tell(report);
  if (report.faults.length > 0) {
    process.exitCode = 1;
    return;
  }
  if (options.save !== undefined && checkpoint !== undefined) {
    await writeFile(options.save, checkpoint);
  }
}

async function verified(options: VerifyOptions, onProgress: Progress): Promise<Verified> {
  const trust = trustOf(options);
  const since = options.since === undefined ? undefined : checkpointOf(options.since, trust);
  const request = { ...trust, onProgress, ...(since && { since }) };
  if (options.folder !== undefined) {
    if (options.known) throw new Error('--known needs a database; for a folder, use --since.');
    const folder = new TileDirectory(options.folder);
    const report = await verifyFolder({ ...request, folder });
    return { report, checkpoint: folder.checkpoint() };
  }
  if (options.databaseUrl === undefined)
    throw new Error('Say what to verify: --database-url or --folder.');
  const known = (options.known ?? []).map((path) => checkpointOf(path, trust));
  return withDatabase(options.databaseUrl, async (database) => {
    const report = await new DatabaseVerifier(database).verify({ ...request, known });
    const head = await readSignedHead(database, report.size);
    return { report, checkpoint: head?.checkpoint };
  });
}

function tell({ size, root, retiredBelow, faults }: VerifyReport): void {
  const [first] = faults;
  if (!first) {
    console.log(`The log is whole: ${size} entries, root ${root.toString('base64')}.`);
    if (retiredBelow > 0) {
      console.log(`Of the entries below ${retiredBelow} only hashes are kept and were verified.`);
    }
    return;
  }
  console.log(`The log is NOT whole. The first bad index is ${first.index}.`);
  for (const { index, endIndex, kind, detail } of faults) {
    const place = endIndex > index + 1 ? `${index} to ${endIndex - 1}` : String(index);
    console.log(`  ${place}: ${kind}: ${detail}`);
  }
}
