import { type CompositionOptions, settingsFor } from '#libs/composition';
import { readSettings } from '#libs/platform';

/** @throws InvalidSettings listing every fault */
export function checkConfiguration(composition: CompositionOptions): void {
  readSettings(settingsFor(composition), process.env);
  console.log('The configuration is complete and well-formed.');
}

export function listConfiguration(composition: CompositionOptions): void {
  for (const { variables } of settingsFor(composition)) {
    for (const { name, description, isRequired, fallback } of variables) {
      const standing = isRequired ? 'required' : fallback ? `default ${fallback}` : 'optional';
      console.log(`${name} (${standing})\n    ${description}`);
    }
  }
}
