import { Command } from 'commander';
import type { CreateWitnessOptions, RunWitnessOptions } from '../actions/audit/witness.js';
import { wholeNumberFrom } from './options.js';

/** `acs-identity audit witness …` */
export function witnessCommand(): Command {
  return new Command('witness')
    .description('Run a witness, which cosigns the checkpoints of logs of others.')
    .addCommand(createCommand())
    .addCommand(runCommand());
}

function createCommand(): Command {
  return new Command('create')
    .description('Make the key of a witness in a folder, and print its verifier key.')
    .requiredOption('--folder <path>', 'folder of the witness; it is created')
    .requiredOption('--name <name>', 'name of the witness, such as witness.example.com/w1')
    .addHelpText(
      'after',
      `
The folder holds the private key in the file key. The verifier key goes into the policies of the logs and of
their verifiers.

  acs-identity audit witness create --folder /var/lib/witness --name witness.example.com/w1`,
    )
    .action(async (options: CreateWitnessOptions) => {
      const { createWitness } = await import('../actions/audit/witness.js');
      await createWitness(options);
    });
}

function runCommand(): Command {
  return new Command('run')
    .description('Serve a witness (C2SP tlog-witness) until a signal ends it.')
    .requiredOption('--folder <path>', 'folder that `create` made; nobody else may write to it')
    .requiredOption(
      '--log-key-file <paths...>',
      'files with the verifier keys of logs, one a line, as `audit keys` prints them',
    )
    .option('--port <number>', 'TCP port; 0 for any free one', wholeNumberFrom(0, 65_535), 8080)
    .option(
      '--host <address>',
      'address to listen on; a proxy in front of it gives TLS',
      '127.0.0.1',
    )
    .addHelpText(
      'after',
      `
Answers POST /add-checkpoint: it cosigns a checkpoint that a known log has signed, if it continues the last one
of that log that was cosigned here. What it cosigned is on the disk before it answers. It needs no database, no
network and no access to the log. Run one process for a folder; a second one is refused.

Never restore the folder from a backup: a witness that forgot what it cosigned may cosign another log.

  acs-identity audit witness run --folder /var/lib/witness --log-key-file identity.keys`,
    )
    .action(async (options: RunWitnessOptions) => {
      const { runWitness } = await import('../actions/audit/witness.js');
      await runWitness(options);
    });
}
