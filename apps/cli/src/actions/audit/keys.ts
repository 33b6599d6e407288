import { CheckpointSigners } from '#libs/audit';
import { auditPart } from '#libs/composition';
import { withPart } from '../service-part.js';

/** Prints the public keys that verifiers need. */
export async function printKeys(databaseUrl: string): Promise<void> {
  const keys = await withPart(auditPart, databaseUrl, async (service) =>
    service.get(CheckpointSigners).verifierKeys(),
  );
  for (const key of keys) console.log(key);
}
