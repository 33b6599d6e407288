import type { Service } from './service.js';

/** Identities at ACS that neither a mapping nor an orphan names. */
export async function unknownIdentities(service: Service): Promise<readonly string[]> {
  const rows = await service.rows<{ id: string }>(
    `SELECT communication_user_id AS id FROM mapping WHERE communication_user_id IS NOT NULL
     UNION ALL SELECT communication_user_id FROM mapping_orphan`,
  );
  const known = new Set(rows.map(({ id }) => id));
  const atAcs = await service.emulator.control.listIdentities();
  return atAcs.map(({ id }) => id).filter((id) => !known.has(id));
}
