import { Command } from 'commander';
import { readSignedHead } from '#libs/audit';
import { withDatabase } from './database.js';
import { type ContextOptions, databaseOption, operatorOption, withAuditLog } from './context.js';

/** `acs-identity audit checkpoint`: what to keep elsewhere, so that a rollback is noticed. */
export function checkpointCommand(): Command {
  return new Command('checkpoint')
    .description('Prints the newest signed checkpoint. Keep it where nobody can change it.')
    .addOption(databaseOption())
    .action(async ({ databaseUrl }: { readonly databaseUrl: string }) => {
      const head = await withDatabase(databaseUrl, async (database) => readSignedHead(database));
      if (!head) throw new Error('The log is empty: nothing was signed yet.');
      process.stdout.write(head.checkpoint);
    });
}

/** `acs-identity audit keys`: what verifiers must know. */
export function keysCommand(): Command {
  return new Command('keys')
    .description('Prints the public keys of the log, one verifier key a line.')
    .addOption(databaseOption())
    .addOption(operatorOption().hideHelp())
    .addHelpText(
      'after',
      '\nTakes the api’s environment variables that say where the signing keys are.',
    )
    .action(async (options: ContextOptions) => {
      const keys = await withAuditLog(options, async ({ signers }) => signers.verifierKeys());
      for (const key of keys) console.log(key);
    });
}
