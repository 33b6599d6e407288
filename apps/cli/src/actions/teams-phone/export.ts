import { teamsPhonePart, type CompositionOptions } from '#libs/composition';
import { AssignmentExport } from '#libs/teams-phone';
import { counted } from '../counted.js';
import { writeLines } from '../line-files.js';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';
import { tenantOption } from './tenant-option.js';

export interface ExportAssignmentsOptions extends OperatorOptions {
  readonly tenant?: string;
  readonly output?: string;
}

/** Writes assignments as lines of JSON. */
export async function exportAssignments(
  options: ExportAssignmentsOptions,
  composition: CompositionOptions,
): Promise<void> {
  const tenant = options.tenant === undefined ? undefined : tenantOption(options.tenant);
  const count = await withPart(
    teamsPhonePart,
    options.databaseUrl,
    composition,
    async (service) => {
      const exported = await service.get(AssignmentExport).run(tenant, operatorCall(options));
      return writeLines(exported, options.output);
    },
  );
  console.error(`${counted(count, 'assignment')} exported.`);
  // Nothing of a tenant that was named is a mistyped tenant, as for `identities erase` and `revocations start`.
  if (count === 0 && tenant !== undefined) {
    console.error(`No assignment has the tenant ${tenant}: check the id.`);
    process.exitCode = 1;
  }
}
