import { identitiesPart, type CompositionOptions } from '#libs/composition';
import { IdentityImport, type ImportSummary } from '#libs/identity-mapping';
import { counted } from '../counted.js';
import { importFile } from '../line-files.js';
import { nameOption } from '../name-option.js';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';
import { print } from '../../standard-output.js';

export interface ImportOptions extends OperatorOptions {
  readonly tenant?: string;
  readonly provision?: true;
}

/** Imports a file and prints each line that failed. */
export async function importIdentities(
  file: string,
  options: ImportOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { lines, created, unchanged, failed, isComplete } = await imported(
    file,
    options,
    composition,
  );
  print(`${counted(lines, 'line')}: ${created} created, ${unchanged} unchanged, ${failed} failed.`);
  if (!isComplete) console.error('An outage ended the import early. Import the file again.');
  if (failed > 0) process.exitCode = 1;
}

async function imported(
  file: string,
  options: ImportOptions,
  composition: CompositionOptions,
): Promise<ImportSummary> {
  const { provision = false, databaseUrl } = options;
  const tenant = options.tenant === undefined ? undefined : nameOption('tenant', options.tenant);
  return withPart(identitiesPart, databaseUrl, composition, async (service) =>
    importFile(file, async (chunks) =>
      service.get(IdentityImport).run({
        chunks,
        tenant,
        isAnyTenant: true,
        isProvisioning: provision,
        ...operatorCall(options),
      }),
    ),
  );
}
