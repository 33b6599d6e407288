import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { DoctorOptions } from '../actions/doctor.js';
import { wholeNumberFrom } from './options.js';

const help = `
Examines, at once and each with its deadline: the configuration, the database with its TLS, pooler,
schema and role, the audit log with its checkpoint file, the clocks, the servers and their certificates,
the secrets of Key Vault, the signing keys of the issuers and the credential of each ACS resource.
Runs in the environment of the api. Writes neither to the database nor to ACS, nor records its reads.
docs/doctor.md lists what it can find.

Exit codes: 0 without a finding, 1 with findings.`;

/** `acs-identity doctor` */
export function doctorCommand(composition: CompositionOptions): Command {
  return new Command('doctor')
    .description('Examine everything that the service depends on, and say how to mend it.')
    .option(
      '--token-file <path>',
      'also show what the service does with the access token of a file',
    )
    .option(
      '--timeout-seconds <seconds>',
      'deadline of each check, 1 to 3600',
      wholeNumberFrom(1, 3600),
      20,
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action(async (options: DoctorOptions) => {
      const { runDoctor } = await import('../actions/doctor.js');
      await runDoctor(options, composition);
    });
}
