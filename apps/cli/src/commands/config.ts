import { Command } from 'commander';
import { readSettings } from '#libs/platform';
import { serviceSettings } from '#libs/composition';

/** `acs-identity config check` and `acs-identity config list`. */
export function configCheckCommand(): Command {
  const config = new Command('config').description('Tells about the configuration of the api.');
  config
    .command('check')
    .description(
      'Checks the environment variables as the api does at its start, without starting it.',
    )
    .action(() => {
      readSettings(serviceSettings, process.env);
      console.log('The configuration is complete and well-formed.');
    });
  config
    .command('list')
    .description('Lists every environment variable of the api with its default.')
    .action(() => {
      for (const { name, description, isRequired, fallback } of serviceSettings.flatMap(
        (part) => part.variables,
      )) {
        const standing = isRequired ? 'required' : fallback ? `default ${fallback}` : 'optional';
        console.log(`${name} (${standing})\n    ${description}`);
      }
    });
  return config;
}
