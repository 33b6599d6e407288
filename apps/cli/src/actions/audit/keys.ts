import { LogKeys } from '#libs/audit';
import { auditPart, type CompositionOptions } from '#libs/composition';
import { withPart } from '../service-part.js';
import { print } from '../../standard-output.js';

/** Prints the public keys that verifiers need. */
export async function printKeys(
  databaseUrl: string,
  composition: CompositionOptions,
): Promise<void> {
  const keys = await withPart(auditPart, databaseUrl, composition, async (service) =>
    service.get(LogKeys).lines(),
  );
  for (const key of keys) print(key);
}
