import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import { auditCommand } from './commands/audit.js';
import { configCommand } from './commands/config.js';
import { doctorCommand } from './commands/doctor.js';
import { identitiesCommand } from './commands/identities.js';
import { migrateCommand } from './commands/migrate.js';
import { explainUsageErrors, markRequiredOptions, printHelpThrough } from './commands/options.js';
import { policyCommand } from './commands/policy.js';
import { revocationsCommand } from './commands/revocations.js';
import { standardOutput } from './standard-output.js';
import { teamsPhoneCommand } from './commands/teams-phone.js';

const help = `
Exit codes of every command:
  0   done; warnings and skipped checks alone are no failure (config check --strict makes warnings one)
  1   failed, refused, or what was checked is not in order; also a wrong option or a missing one,
      and output that could not be written whole
  2   the log has no entries, so that nothing was verified (audit verify only)
  3   the policy refuses (policy test only)
  78  the configuration or the policy has faults; each is listed`;

/**
 * The command line `acs-identity`. No command loads its action before it runs.
 *
 * @param composition as for `createApi`: a host's commands use the host's adapters
 */
export function createProgram(composition: CompositionOptions = {}): Command {
  const program = new Command('acs-identity')
    .description('Operate the communication identity service.')
    .addCommand(migrateCommand())
    .addCommand(configCommand(composition))
    .addCommand(doctorCommand(composition))
    .addCommand(policyCommand())
    .addCommand(identitiesCommand(composition))
    .addCommand(revocationsCommand(composition))
    .addCommand(teamsPhoneCommand(composition))
    .addCommand(auditCommand(composition))
    .addHelpText('after', help);
  markRequiredOptions(program);
  explainUsageErrors(program);
  printHelpThrough(program, standardOutput.write);
  return program;
}
