import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { ReconcileOptions } from '../actions/teams-phone/reconcile.js';
import { databaseOption, operatorOption } from './options.js';

const help = `
ACS can't list assignments, so the command asks for each one that this service has or had: one call each,
at bulk priority within ACS_BUDGET_READ_ASSIGNMENT. It is recorded in the audit log, and reads the api's
environment variables (acs-identity config list).`;

/** `acs-identity teams-phone …`: assignments of Teams Phone extensibility, of any tenant. */
export function teamsPhoneCommand(composition: CompositionOptions): Command {
  return new Command('teams-phone')
    .description('Compare Teams Phone assignments with Azure Communication Services.')
    .addCommand(
      new Command('reconcile')
        .description(
          'Compare each assignment with ACS, deleted ones as well. Exit code 1 when a difference is left.',
        )
        .option('--tenant <id>', 'only those of a tenant, a GUID')
        .option('--repair', 'make ACS agree with the assignments of this service')
        .addOption(databaseOption())
        .addOption(operatorOption())
        .addHelpText('after', help)
        .action(async (options: ReconcileOptions) => {
          const { reconcileAssignments } = await import('../actions/teams-phone/reconcile.js');
          await reconcileAssignments(options, composition);
        }),
    );
}
