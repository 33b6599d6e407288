import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { HealthOptions } from '../actions/audit/health.js';
import { databaseOption } from './options.js';

/** `acs-identity audit health` */
export function healthCommand(composition: CompositionOptions): Command {
  return new Command('health')
    .description('Print how far the background checks, the sinks and the witnesses of the log are.')
    .addOption(databaseOption())
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Shows what the replicas left in the database: it checks nothing itself (acs-identity audit verify does).

Exit code 1: the checks found something, or a sink or a witness fails, or there is no quorum.

Reads the api's environment variables: AUDIT_SINKS_FILE, AUDIT_WITNESS_POLICY_FILE, and those that say where the
keys are (acs-identity config list).`,
    )
    .action(async (options: HealthOptions) => {
      const { printHealth } = await import('../actions/audit/health.js');
      await printHealth(options, composition);
    });
}
