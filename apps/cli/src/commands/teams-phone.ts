import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { ExportAssignmentsOptions } from '../actions/teams-phone/export.js';
import type { ImportAssignmentsOptions } from '../actions/teams-phone/import.js';
import type { ReconcileOptions } from '../actions/teams-phone/reconcile.js';
import { databaseOption, operatorOption } from './options.js';

const help = `
ACS can't list assignments, so the command asks for each one that this service has or had: one call each,
at bulk priority within ACS_BUDGET_READ_ASSIGNMENT. It is recorded in the audit log, and reads the api's
environment variables (acs-identity config list).`;

const bulkHelp = `
The command is recorded in the audit log, calls ACS at bulk priority within ACS_BUDGET_ASSIGN, and reads the
api's environment variables (acs-identity config list).`;

/** `acs-identity teams-phone …`: assignments of Teams Phone extensibility, of any tenant. */
export function teamsPhoneCommand(composition: CompositionOptions): Command {
  return new Command('teams-phone')
    .description('Import and export Teams Phone assignments, and compare them with ACS.')
    .addCommand(
      new Command('import')
        .description(
          'Import assignments from lines of JSON, such as an export: {"objectId", "principalType", "clientIds"?, "tenantId"?}. Safe to repeat. Exit code 1 when a line failed.',
        )
        .argument('<file>', 'file of lines')
        .requiredOption('--tenant <id>', 'tenant of the lines that name none, a GUID')
        .addOption(databaseOption())
        .addOption(operatorOption())
        .addHelpText('after', bulkHelp)
        .action(async (file: string, options: ImportAssignmentsOptions) => {
          const { importAssignments } = await import('../actions/teams-phone/import.js');
          await importAssignments(file, options, composition);
        }),
    )
    .addCommand(
      new Command('export')
        .description(
          'Export assignments that are neither deleted nor to be deleted as lines of JSON. Exit code 1 when a tenant was given that has none.',
        )
        .option('--tenant <id>', 'only those of a tenant, a GUID')
        .option('--output <file>', 'file to write, which must not exist; default: standard output')
        .addOption(databaseOption())
        .addOption(operatorOption())
        .addHelpText('after', bulkHelp)
        .action(async (options: ExportAssignmentsOptions) => {
          const { exportAssignments } = await import('../actions/teams-phone/export.js');
          await exportAssignments(options, composition);
        }),
    )
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
