import { type CompositionOptions, examineService, serviceSettings } from '#libs/composition';
import { type Settings, valuesOf } from '#libs/platform';
import { print } from '../standard-output.js';

/**
 * Checks the environment as a start does, and prints what has no effect.
 *
 * @param isStrict whether a remark makes the exit code 1
 * @returns the settings of each part by its key
 * @throws InvalidSettings listing every fault
 */
export async function checkConfiguration(
  composition: CompositionOptions,
  isStrict = false,
): Promise<ReadonlyMap<symbol, unknown>> {
  const check = await examineService(await settingsOf(composition), process.env);
  const values = valuesOf(check);
  for (const remark of check.remarks) print(remark);
  if (isStrict && check.remarks.length > 0) process.exitCode = 1;
  print('The configuration is complete and well-formed.');
  return values;
}

export async function listConfiguration(composition: CompositionOptions): Promise<void> {
  const variables = (await settingsOf(composition)).flatMap((part) => part.variables);
  const usual = variables.filter(({ isAdvanced }) => !isAdvanced);
  for (const variable of [...usual, ...variables.filter(({ isAdvanced }) => isAdvanced)]) {
    const { name, description, isRequired, fallback, isAdvanced } = variable;
    const standing = isRequired ? 'required' : fallback ? `default ${fallback}` : 'optional';
    print(`${name} (${standing}${isAdvanced ? ', advanced' : ''})\n    ${description}`);
  }
}

/** Only a host with adapters of its own needs the adapters to know the settings. */
export async function settingsOf(composition: CompositionOptions): Promise<readonly Settings[]> {
  if (!composition.replace?.length) return serviceSettings;
  const { settingsFor } = await import('./host-settings.js');
  return settingsFor(composition);
}
