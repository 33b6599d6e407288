import { identitiesPart, type CompositionOptions } from '#libs/composition';
import { IdentityExport } from '#libs/identity-mapping';
import { counted } from '../counted.js';
import { writeLines } from '../line-files.js';
import { nameOption } from '../name-option.js';
import { operatorCall, type OperatorOptions, withPart } from '../service-part.js';

export interface ExportOptions extends OperatorOptions {
  readonly tenant?: string;
  readonly output?: string;
}

/** Writes identities as lines of JSON. */
export async function exportIdentities(
  options: ExportOptions,
  composition: CompositionOptions,
): Promise<void> {
  const { output, databaseUrl } = options;
  const tenant = options.tenant === undefined ? undefined : nameOption('tenant', options.tenant);
  const count = await withPart(identitiesPart, databaseUrl, composition, async (service) => {
    const exported = await service.get(IdentityExport).run(tenant, operatorCall(options));
    return writeLines(exported, output);
  });
  console.error(`${counted(count, 'identity', 'identities')} exported.`);
  // Nothing of a tenant that was named is a mistyped tenant, as for `identities erase` and `revocations start`.
  if (count === 0 && tenant !== undefined) {
    console.error(`No identity has the tenant ${tenant}: check the id.`);
    process.exitCode = 1;
  }
}
