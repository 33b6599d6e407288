import { serviceSettings } from '#libs/composition';
import { readSettings } from '#libs/platform';

/** @throws InvalidSettings listing every fault */
export function checkConfiguration(): void {
  readSettings(serviceSettings, process.env);
  console.log('The configuration is complete and well-formed.');
}

export function listConfiguration(): void {
  for (const { variables } of serviceSettings) {
    for (const { name, description, isRequired, fallback } of variables) {
      const standing = isRequired ? 'required' : fallback ? `default ${fallback}` : 'optional';
      console.log(`${name} (${standing})\n    ${description}`);
    }
  }
}
