import { Injectable } from '@nestjs/common';
import type { TransactionalWrite } from '#libs/audit';
import {
  type CanonicalName,
  Clock,
  type CommunicationUserId,
  Database,
  sqlState,
  type Transaction,
} from '#libs/platform';
import {
  type ApplicationIdentity,
  type Mapping,
  newMapping,
  type ProvisionedMapping,
  type TenantSubject,
} from '../model/mapping.js';
import { IdentityKindConflict, LeaseLost, MappingChanged } from '../errors.js';
import {
  type Claim,
  IdentityMap,
  type Lease,
  type MappingSearch,
  type Orphan,
} from './identity-map.js';
import {
  MAPPING_COLUMNS,
  type MappingRow,
  MUTABLE_COLUMNS,
  SELECT_LIST,
  toMapping,
  valuesOf,
} from './mapping-columns.js';
import * as statements from './statements.js';

const UNIQUE_VIOLATION = '23505';

/** Mappings in PostgreSQL. Leases expire by the database's clock, which all replicas share. */
@Injectable()
export class PostgresIdentityMap extends IdentityMap {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  async find(identity: TenantSubject, resource: string): Promise<Mapping | undefined> {
    const row = await this.#findLive(identity, resource);
    return row && toMapping(row);
  }

  async get(id: string): Promise<Mapping | undefined> {
    const [mapping] = await this.#read('id = $1', [id]);
    return mapping;
  }

  async findByCommunicationUserIds(
    ids: readonly CommunicationUserId[],
  ): Promise<readonly Mapping[]> {
    return this.#read('communication_user_id = ANY ($1)', [ids]);
  }

  async findBySubjects(subjects: readonly TenantSubject[]): Promise<readonly Mapping[]> {
    const tenants = subjects.map(({ tenant }) => tenant);
    const names = subjects.map(({ subject }) => subject);
    return this.#read(
      `(tenant, subject) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND status <> 'deleted'`,
      [tenants, names],
    );
  }

  async listSubject(tenant: CanonicalName, subject: CanonicalName): Promise<readonly Mapping[]> {
    const rows = await this.database.query<MappingRow>(
      `SELECT ${SELECT_LIST} FROM mapping WHERE tenant = $1 AND subject = $2 AND status <> 'deleted'
       UNION ALL
       SELECT ${SELECT_LIST} FROM mapping WHERE tenant = $1 AND subject = $2 AND status = 'deleted'`,
      [tenant, subject],
    );
    return rows.map(toMapping).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async search(search: MappingSearch): Promise<readonly Mapping[]> {
    const { sql, parameters } = statements.searchQuery(search);
    return (await this.database.query<MappingRow>(sql, parameters)).map(toMapping);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    const { tenant, subject, kind } = identity;
    const pending = newMapping({ tenant, subject, kind, resource }, this.clock.now());
    const acquired = await this.database.query<{ id: string }>(statements.CLAIM, [
      ...[lease.holder, lease.durationMs],
      ...valuesOf(pending),
    ]);
    const row = await this.#findLive(identity, resource);
    // The mapping was deleted between the two statements.
    if (row?.resource !== resource) return this.claim(identity, resource, lease);
    if (row.kind !== kind) throw new IdentityKindConflict();
    const isExpired = row.status === 'pending' && row.isLeaseExpired;
    const outcome = acquired.length > 0 ? 'acquired' : isExpired ? 'expired' : 'held';
    return { outcome, mapping: toMapping(row) };
  }

  takeOver(mappingId: string, lease: Lease): TransactionalWrite {
    return underLease(statements.TAKE_OVER, [mappingId, lease.holder, lease.durationMs]);
  }

  activate(active: ProvisionedMapping, lease: Lease): TransactionalWrite {
    const { id, communicationUserId, version, updatedAt } = active;
    return underLease(statements.ACTIVATE, [
      id,
      lease.holder,
      communicationUserId,
      version,
      updatedAt,
    ]);
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    await this.database.query(statements.RELEASE, [mappingId, lease.holder]);
  }

  releaseUnknown(mappingId: string, lease: Lease): TransactionalWrite {
    return underLease(statements.RELEASE, [mappingId, lease.holder]);
  }

  add(mappings: readonly Mapping[]): TransactionalWrite {
    const arrays = MAPPING_COLUMNS.map(({ property }) =>
      mappings.map((mapping) => mapping[property] ?? null),
    );
    return ifUnchanged(statements.ADD, arrays, mappings.length);
  }

  replace(known: Mapping, next: Mapping, lease?: Lease): TransactionalWrite {
    return ifUnchanged(statements.REPLACE, [
      ...[known.id, known.version, lease?.holder ?? null, lease?.durationMs ?? null],
      ...valuesOf(next, MUTABLE_COLUMNS),
    ]);
  }

  finishRevocation({ id, tokenGeneration }: Mapping): TransactionalWrite {
    return ifUnchanged(statements.FINISH_REVOCATION, [id, tokenGeneration]);
  }

  finishDeletion(mappingId: string): TransactionalWrite {
    return ifUnchanged(statements.FINISH_DELETION, [mappingId]);
  }

  addOrphan({ communicationUserId, mapping }: Orphan, lease: Lease): TransactionalWrite {
    const { holder, durationMs } = lease;
    return ifUnchanged(statements.ADD_ORPHAN, [
      communicationUserId,
      mapping.id,
      holder,
      durationMs,
    ]);
  }

  finishOrphan(communicationUserId: CommunicationUserId): TransactionalWrite {
    return ifUnchanged(statements.FINISH_ORPHAN, [communicationUserId]);
  }

  async claimOverdue(limit: number, lease: Lease): Promise<readonly Mapping[]> {
    const parameters = [limit, lease.holder, lease.durationMs];
    const rows = await this.database.query<MappingRow>(statements.CLAIM_OVERDUE, parameters);
    return rows.map(toMapping);
  }

  async claimOverdueOrphans(limit: number, lease: Lease): Promise<readonly Orphan[]> {
    const rows = await this.database.query<MappingRow & { orphanId: CommunicationUserId }>(
      statements.CLAIM_OVERDUE_ORPHANS,
      [limit, lease.holder, lease.durationMs],
    );
    return rows.map((row) => ({ communicationUserId: row.orphanId, mapping: toMapping(row) }));
  }

  async #findLive(
    { tenant, subject }: TenantSubject,
    resource: string,
  ): Promise<(MappingRow & { readonly isLeaseExpired: boolean }) | undefined> {
    const [row] = await this.database.query<MappingRow & { readonly isLeaseExpired: boolean }>(
      `SELECT ${SELECT_LIST}, coalesce(lease_expires_at < clock_timestamp(), false) AS "isLeaseExpired"
       FROM mapping
       WHERE tenant = $1 AND subject = $2 AND status <> 'deleted'
       ORDER BY resource = $3 DESC, id LIMIT 1`,
      [tenant, subject, resource],
    );
    return row;
  }

  async #read(condition: string, parameters: readonly unknown[]): Promise<Mapping[]> {
    const sql = `SELECT ${SELECT_LIST} FROM mapping WHERE ${condition}`;
    return (await this.database.query<MappingRow>(sql, parameters)).map(toMapping);
  }
}

/** A statement that changes the row under the lease; no such row: `LeaseLost`. */
function underLease(sql: string, parameters: readonly unknown[]): TransactionalWrite {
  return async (transaction) => {
    if ((await affectedBy(transaction, sql, parameters)) === 1) return;
    throw new LeaseLost('the lease of the mapping has expired');
  };
}

/** A statement that changes the expected number of rows; another number: `MappingChanged`. */
function ifUnchanged(sql: string, parameters: readonly unknown[], rows = 1): TransactionalWrite {
  return async (transaction) => {
    const affected = await affectedBy(transaction, sql, parameters).catch((error: unknown) => {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
      throw new MappingChanged('the mapping exists already', { cause: error });
    });
    if (affected !== rows) throw new MappingChanged('the mapping was changed by another caller');
  };
}

async function affectedBy(
  transaction: Transaction,
  sql: string,
  parameters: readonly unknown[],
): Promise<number> {
  // TypeORM returns rows and their number for an update, but only the rows for an insert.
  const result = await transaction.query<unknown[]>(sql, [...parameters]);
  return typeof result[1] === 'number' && Array.isArray(result[0]) ? result[1] : result.length;
}
