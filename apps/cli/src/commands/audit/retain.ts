import { Command, InvalidArgumentError } from 'commander';
import { confirm, yesOption } from './confirm.js';
import {
  contextHelp,
  type ContextOptions,
  databaseOption,
  operatorOption,
  operatorReader,
  withAuditLog,
} from './context.js';

interface RetainOptions extends ContextOptions {
  readonly before: Date;
  readonly yes?: true;
}

const help = `
Whole months are dropped, those that ended before the day. Hashes stay: proofs of what remains hold,
and the log verifies. Export first what must be kept.
${contextHelp}`;

/** `acs-identity audit retain`: lets go of entries whose time is over. */
export function retainCommand(): Command {
  return new Command('retain')
    .description('Drops the bodies of entries of months gone by, and says so in the log.')
    .requiredOption('--before <day>', 'drop what is older, such as 2029-01-01', day)
    .addOption(databaseOption('DATABASE_OWNER_URL', 'the owner of the schema'))
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText('after', help)
    .action(async (options: RetainOptions) => {
      const { before } = options;
      await confirm(`Drop entries of months before ${before.toISOString().slice(0, 10)}?`, options);
      const report = await withAuditLog(options, async ({ retention }) =>
        retention.retire(before, operatorReader(options).actor),
      );
      if (report.partitions.length === 0) {
        console.log('Nothing is that old.');
        return;
      }
      console.log(
        `Dropped ${report.partitions.join(', ')}: entries below ${report.firstIndex} have no bodies any more. Recorded as entry ${report.receipt?.index ?? '?'}.`,
      );
    });
}

function day(text: string): Date {
  const time = new Date(`${text}T00:00:00Z`);
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError('It must be a day such as 2029-01-01.');
  }
  return time;
}
