import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import { auditCommand } from './commands/audit.js';
import { configCommand } from './commands/config.js';
import { doctorCommand } from './commands/doctor.js';
import { identitiesCommand } from './commands/identities.js';
import { migrateCommand } from './commands/migrate.js';
import { explainUsageErrors, markRequiredOptions } from './commands/options.js';
import { policyCommand } from './commands/policy.js';
import { revocationsCommand } from './commands/revocations.js';
import { teamsPhoneCommand } from './commands/teams-phone.js';

const help = `
Exit codes:
  0   done
  1   failed, refused, or what was checked is not in order
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
  return program;
}
