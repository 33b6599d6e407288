import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';
import type { SinkStatusOptions, SinkTestOptions } from '../actions/audit/sinks.js';
import { databaseOption } from './options.js';

const environmentHelp = `
Reads the api's environment variables: AUDIT_SINKS_FILE, and those that say where the keys are
(acs-identity config list).`;

/** `acs-identity audit sinks …` */
export function sinksCommand(composition: CompositionOptions): Command {
  return new Command('sinks')
    .description('Show and try the sinks that the audit log is delivered to.')
    .addCommand(statusCommand(composition))
    .addCommand(testCommand(composition));
}

function statusCommand(composition: CompositionOptions): Command {
  return new Command('status')
    .description('Print of each sink how far it is, its lag, and why it fails.')
    .addOption(databaseOption())
    .option('--json', 'print the result as JSON')
    .addHelpText('after', `\nExit code 1: a sink fails.\n${environmentHelp}`)
    .action(async (options: SinkStatusOptions) => {
      const { printSinks } = await import('../actions/audit/sinks.js');
      await printSinks(options, composition);
    });
}

function testCommand(composition: CompositionOptions): Command {
  return new Command('test')
    .description('Send a record of the action x-sink.test, which is not in the log, to a sink.')
    .argument('<name>', 'name of the sink in AUDIT_SINKS_FILE')
    .addOption(databaseOption())
    .addHelpText('after', `\nThe cursor of the sink stays as it is.\n${environmentHelp}`)
    .action(async (name: string, options: SinkTestOptions) => {
      const { testSink } = await import('../actions/audit/sinks.js');
      await testSink(name, options, composition);
    });
}
