import { Command, Option } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { StartOptions } from '../actions/revocations.js';
import type { OperatorOptions } from '../actions/service-part.js';
import { databaseOption, operatorOption, yesOption } from './options.js';

const help = `
The replicas of the api do the work; the command does not wait for it. It reads the api's environment
variables: KEY_VAULT_URL, AZURE_CREDENTIAL, AUDIT_LOG_ORIGIN, and ACS_ENDPOINT and its like or
ACS_RESOURCES_FILE (acs-identity config list).`;

/** `acs-identity revocations …`: taking back the tokens of many identities, of any tenant. */
export function revocationsCommand(composition: CompositionOptions): Command {
  return new Command('revocations')
    .description('Revoke the tokens of many identities, of any tenant.')
    .addCommand(startCommand(composition))
    .addCommand(showCommand(composition))
    .addCommand(listCommand(composition));
}

function startCommand(composition: CompositionOptions): Command {
  return new Command('start')
    .description(
      'Stop issuing to the identities that the filters name together, at once, and have ACS revoke their tokens. Prints the id of the mass revocation.',
    )
    .requiredOption('--reason <text>', 'why, for the audit log, which keeps it: name no person')
    .option('--tenant <id>', 'identities of a tenant')
    .option('--client-app <id>', 'identities of which the client application got tokens')
    .addOption(
      new Option('--identity-kind <kind>', 'identities of a kind').choices([
        'user',
        'service',
        'bot',
        'visitor',
      ]),
    )
    .option('--resource <name>', 'identities of an ACS resource')
    .option('--issued-before <time>', 'identities that may have tokens from before, with its zone')
    .option(
      '--invitation <id>',
      'visitors that an invitation has let in, which ends it; with --tenant at most',
    )
    .option('--everyone', 'every identity of every tenant, instead of the filters')
    .option('--dry-run', 'count the identities, and revoke nothing')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addOption(yesOption())
    .addHelpText('after', help)
    .action(async (options: StartOptions) => {
      const { startRevocation } = await import('../actions/revocations.js');
      await startRevocation(options, composition);
    });
}

function showCommand(composition: CompositionOptions): Command {
  return new Command('show')
    .description('Print the progress of a mass revocation. Exit code 1 until it is complete.')
    .argument('<id>', 'id of the mass revocation')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (id: string, options: OperatorOptions) => {
      const { showRevocation } = await import('../actions/revocations.js');
      await showRevocation(id, options, composition);
    });
}

function listCommand(composition: CompositionOptions): Command {
  return new Command('list')
    .description('Print the newest 100 mass revocations with their progress, newest first.')
    .addOption(databaseOption())
    .addOption(operatorOption())
    .addHelpText('after', help)
    .action(async (options: OperatorOptions) => {
      const { listRevocations } = await import('../actions/revocations.js');
      await listRevocations(options, composition);
    });
}
