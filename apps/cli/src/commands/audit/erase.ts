import { Command } from 'commander';
import { confirm, yesOption } from './confirm.js';
import {
  contextHelp,
  type ContextOptions,
  databaseOption,
  operatorOption,
  operatorReader,
  withAuditLog,
} from './context.js';

interface EraseOptions extends ContextOptions {
  readonly tenant: string;
  readonly subject: string;
  readonly reason?: string;
  readonly yes?: true;
}

/** `acs-identity audit erase`: personal data on request of the person. */
export function eraseCommand(): Command {
  return new Command('erase')
    .description(
      'Erases a person’s addresses, user agents and names beside the log. Entries and proofs stay.',
    )
    .requiredOption('--tenant <id>', 'tenant of the person')
    .requiredOption('--subject <id>', 'subject of the person: for Entra, the object id')
    .option('--reason <text>', 'such as the number of the request; goes into the log')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText('after', contextHelp)
    .action(async (options: EraseOptions) => {
      const { tenant, subject, reason } = options;
      await confirm(`Erase the values of ${subject} of tenant ${tenant}?`, options);
      const person = { tenant, subject, ...(reason !== undefined && { reason }) };
      const { receipt, rows } = await withAuditLog(options, async ({ desk }) =>
        desk.erase(operatorReader(options), person),
      );
      console.log(`Erased ${rows} rows of values. Recorded as entry ${receipt.index}.`);
    });
}
