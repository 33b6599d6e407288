import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Change } from '#libs/audit';
import { Database } from '#libs/platform';
import type { ApplicationIdentity } from './application-identity.js';
import { IdentityKindConflict, LeaseLost } from './errors.js';
import { type Claim, IdentityMap, type Lease } from './identity-map.js';
import { MappingEntity, toMapping } from './mapping.entity.js';
import type { Mapping } from './mapping.js';

/** Mappings in PostgreSQL; leases run on the database's clock, which all replicas share. */
@Injectable()
export class PostgresIdentityMap extends IdentityMap {
  constructor(private readonly database: Database) {
    super();
  }

  async find(identity: ApplicationIdentity, resource: string): Promise<Mapping | undefined> {
    const row = await this.#live(identity, resource);
    return row && toMapping(row);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    const { tenant, subject, kind } = identity;
    const id = randomUUID();
    const won = await this.database.query<{ id: string }>(
      `INSERT INTO mapping (id, resource, tenant, subject, kind, status, lease_holder, lease_expires_at)
       VALUES ($1, $2, $3, $4, $5, 'pending', $6, clock_timestamp() + $7 * interval '1 ms')
       ON CONFLICT (resource, tenant, subject) WHERE status <> 'deleted'
       DO UPDATE SET lease_holder = $6, updated_at = now(),
                     lease_expires_at = clock_timestamp() + $7 * interval '1 ms'
         WHERE mapping.status = 'pending' AND mapping.lease_holder IS NULL AND mapping.kind = $5
       RETURNING id`,
      [id, resource, tenant, subject, kind, lease.holder, lease.durationMs],
    );
    const row = await this.#live(identity, resource);
    // Deleted between the two statements: the place is free again.
    if (!row) return this.claim(identity, resource, lease);
    if (row.kind !== kind) throw new IdentityKindConflict();
    return { standing: won.length > 0 ? 'won' : standingOf(row), mapping: toMapping(row) };
  }

  takeOver(mappingId: string, lease: Lease): Change {
    return async (transaction) => {
      const rows = await transaction.query<[unknown[], number]>(
        `UPDATE mapping
         SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms', updated_at = now()
         WHERE id = $1 AND status = 'pending' AND lease_expires_at < clock_timestamp()`,
        [mappingId, lease.holder, lease.durationMs],
      );
      requireOne(rows[1]);
    };
  }

  activate(mappingId: string, lease: Lease, communicationUserId: string): Change {
    return async (transaction) => {
      const rows = await transaction.query<[unknown[], number]>(
        `UPDATE mapping
         SET status = 'active', communication_user_id = $3, lease_holder = NULL, lease_expires_at = NULL,
             version = version + 1, updated_at = now()
         WHERE id = $1 AND status = 'pending' AND lease_holder = $2`,
        [mappingId, lease.holder, communicationUserId],
      );
      requireOne(rows[1]);
    };
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    await this.database.query(RELEASE, [mappingId, lease.holder]);
  }

  releaseUnknown(mappingId: string, lease: Lease): Change {
    return async (transaction) => {
      const rows = await transaction.query<[unknown[], number]>(RELEASE, [mappingId, lease.holder]);
      requireOne(rows[1]);
    };
  }

  async #live(
    { tenant, subject }: ApplicationIdentity,
    resource: string,
  ): Promise<(MappingEntity & { isLeaseOver: boolean }) | undefined> {
    const [row] = await this.database.query<MappingEntity & { isLeaseOver: boolean }>(
      `SELECT id, resource, tenant, subject, kind, status, version,
              communication_user_id AS "communicationUserId", display_name AS "displayName",
              lease_holder AS "leaseHolder", lease_expires_at AS "leaseExpiresAt",
              created_at AS "createdAt", updated_at AS "updatedAt",
              coalesce(lease_expires_at < clock_timestamp(), false) AS "isLeaseOver"
       FROM mapping
       WHERE resource = $1 AND tenant = $2 AND subject = $3 AND status <> 'deleted'`,
      [resource, tenant, subject],
    );
    return row;
  }
}

const RELEASE = `
  UPDATE mapping SET lease_holder = NULL, lease_expires_at = NULL, updated_at = now()
  WHERE id = $1 AND status = 'pending' AND lease_holder = $2`;

function standingOf(row: MappingEntity & { isLeaseOver: boolean }): Claim['standing'] {
  return row.status === 'pending' && row.isLeaseOver ? 'abandoned' : 'taken';
}

function requireOne(affected: number): void {
  if (affected !== 1) throw new LeaseLost('the lease of the pending mapping has ended');
}
