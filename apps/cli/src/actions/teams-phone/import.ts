import { teamsPhonePart, type CompositionOptions } from '#libs/composition';
import { AssignmentImport } from '#libs/teams-phone';
import { counted } from '../counted.js';
import { importFile } from '../line-files.js';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';
import { tenantOption } from './tenant-option.js';
import { print } from '../../standard-output.js';

export interface ImportAssignmentsOptions extends OperatorOptions {
  readonly tenant: string;
}

/** Imports a file and prints each line that failed. */
export async function importAssignments(
  file: string,
  options: ImportAssignmentsOptions,
  composition: CompositionOptions,
): Promise<void> {
  const tenant = tenantOption(options.tenant);
  const summary = await withPart(
    teamsPhonePart,
    options.databaseUrl,
    composition,
    async (service) =>
      importFile(file, async (chunks) =>
        service
          .get(AssignmentImport)
          .run({ chunks, tenant, isAnyTenant: true, ...operatorCall(options) }),
      ),
  );
  const { lines, created, replaced, unchanged, failed, isComplete } = summary;
  print(
    `${counted(lines, 'line')}: ${created} created, ${replaced} replaced, ${unchanged} unchanged, ${failed} failed.`,
  );
  if (!isComplete) console.error('An outage ended the import early. Import the file again.');
  if (failed > 0) process.exitCode = 1;
}
