import type { Service } from './service.js';
import { until } from './until.js';

/** Waits until recovery has finished all work: no mapping and no orphan is leased. */
export async function untilSettled(service: Service): Promise<void> {
  await until('no mapping is leased', 120_000, async () => {
    const [row] = await service.rows<{ leases: string }>(
      `SELECT (SELECT count(*) FROM mapping WHERE lease_expires_at IS NOT NULL)
            + (SELECT count(*) FROM mapping_orphan WHERE lease_expires_at IS NOT NULL) AS leases`,
    );
    return row?.leases === '0';
  });
}
