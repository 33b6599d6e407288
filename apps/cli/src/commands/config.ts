import { Command } from 'commander';
import type { CompositionOptions } from '#libs/composition';

/** `acs-identity config …` */
export function configCommand(composition: CompositionOptions): Command {
  const config = new Command('config').description('Check and list the configuration of the api.');
  config
    .command('check')
    .description('Check the environment variables as the api does at its start.')
    .option(
      '--connect',
      'also connect to the database: see that it takes writes, has every migration and gives the role its privileges, compare the clocks and the name of the log, and look for identities of other ACS resources',
    )
    .option('--strict', 'exit with 1 for warnings too, such as a variable that has no effect')
    .addHelpText(
      'after',
      '\nExit codes: 0 without a fault, also with warnings; with --strict 1 for warnings; 78 for faults.',
    )
    .action(async ({ connect, strict }: { readonly connect?: true; readonly strict?: true }) => {
      const { checkConfiguration } = await import('../actions/config.js');
      const values = await checkConfiguration(composition, strict);
      if (!connect) return;
      const { checkDatabaseNeeds } = await import('../actions/database-needs.js');
      await checkDatabaseNeeds();
      const { checkClock } = await import('../actions/clock.js');
      await checkClock(values);
      const { checkLogOrigin } = await import('../actions/log-origin.js');
      await checkLogOrigin(values);
      const { checkResources } = await import('../actions/resources.js');
      await checkResources(values);
    });
  config
    .command('list')
    .description('List every environment variable of the api with its default.')
    .action(async () => {
      const { listConfiguration } = await import('../actions/config.js');
      await listConfiguration(composition);
    });
  return config;
}
