import { Command, Option } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { EraseOptions } from '../actions/identities/erase.js';
import type { ExportOptions } from '../actions/identities/export.js';
import type { ImportGraphOptions } from '../actions/identities/import-graph.js';
import type { ImportOptions } from '../actions/identities/import.js';
import { databaseOption, operatorOption, yesOption } from './options.js';

const help = `
The command is recorded in the audit log and works with the ACS resources. It reads the api's environment
variables for both: KEY_VAULT_URL, AZURE_CREDENTIAL, AUDIT_LOG_ORIGIN, and ACS_ENDPOINT and its like or
ACS_RESOURCES_FILE (acs-identity config list).`;

const graphHelp = `
Signs in as AZURE_CREDENTIAL says, at AZURE_AUTHORITY_HOST. The application needs the application
permission User.Read.All of Microsoft Graph. Throttled requests are repeated when Graph allows it.`;

/** `acs-identity identities …`: mappings of any tenant, in bulk and by person. */
export function identitiesCommand(composition: CompositionOptions): Command {
  return new Command('identities')
    .description('Import, export and erase identities, of any tenant.')
    .addCommand(importCommand(composition))
    .addCommand(importGraphCommand(composition))
    .addCommand(exportCommand(composition))
    .addCommand(eraseCommand(composition));
}

function importCommand(composition: CompositionOptions): Command {
  return new Command('import')
    .description(
      'Import identities from lines of JSON: an export, or {"userId", "acsUserIdentity"} of the Authentication Hero sample. Safe to repeat. Exit code 1 when a line failed.',
    )
    .argument('<file>', 'file of lines')
    .option('--tenant <id>', 'tenant of the lines that name none; without it, they fail')
    .option('--provision', 'create identities at ACS for lines without one')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (file: string, options: ImportOptions) => {
      const { importIdentities } = await import('../actions/identities/import.js');
      await importIdentities(file, options, composition);
    });
}

function importGraphCommand(composition: CompositionOptions): Command {
  return new Command('import-graph')
    .description(
      'Import the identities that the Authentication Hero sample has stored in Microsoft Graph. Safe to repeat. Exit code 1 when a user failed.',
    )
    .requiredOption('--tenant <id>', 'directory (tenant) id of the users')
    .option('--extension <name>', 'name of the open extension', 'com.contoso.identityMapping')
    .option('--dry-run', 'print the lines for identities import, and import nothing')
    .option('--resume-file <file>', 'file that keeps the position; removed at the end')
    .addOption(
      new Option('--graph-url <url>', 'address of Microsoft Graph in this cloud')
        .env('GRAPH_URL')
        .default('https://graph.microsoft.com'),
    )
    .addOption(
      new Option(
        '--graph-scope <scope>',
        'scope of tokens for Graph (default: .default of its address)',
      ).env('GRAPH_SCOPE'),
    )
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', `${graphHelp}\n${help}`)
    .action(async (options: ImportGraphOptions) => {
      const { importGraph } = await import('../actions/identities/import-graph.js');
      await importGraph(options, composition);
    });
}

function exportCommand(composition: CompositionOptions): Command {
  return new Command('export')
    .description(
      'Export identities that are not deleted as lines of JSON. Exit code 1 when a tenant was given that has none.',
    )
    .option('--tenant <id>', 'only those of a tenant')
    .option('--output <file>', 'file to write, which must not exist; default: standard output')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (options: ExportOptions) => {
      const { exportIdentities } = await import('../actions/identities/export.js');
      await exportIdentities(options, composition);
    });
}

function eraseCommand(composition: CompositionOptions): Command {
  return new Command('erase')
    .description(
      'Delete all identities of a person, at ACS and here. Safe to repeat. Exit code 1 while ACS has not confirmed all, and for a person without any.',
    )
    .requiredOption('--tenant <id>', 'tenant of the person')
    .requiredOption('--subject <id>', 'subject of the person: for Entra, the object id')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText('after', help)
    .action(async (options: EraseOptions) => {
      const { erasePerson } = await import('../actions/identities/erase.js');
      await erasePerson(options, composition);
    });
}
