import { Injectable } from '@nestjs/common';
import type { TransactionalWrite } from '#libs/audit';
import { Clock, Database, type Transaction } from '#libs/platform';
import type { ApplicationIdentity } from '../model/application-identity.js';
import { IdentityKindConflict, LeaseLost, MappingChanged } from '../errors.js';
import {
  type Claim,
  IdentityMap,
  type Lease,
  type MappingSearch,
  type Orphan,
} from './identity-map.js';
import type { MappingEntity } from './mapping.entity.js';
import type { ProvisionedMapping, Mapping } from '../model/mapping.js';
import { COLUMNS, toMapping } from './mapping-rows.js';
import { searchQuery } from './search.js';
import * as statements from './statements.js';
import { uuidV7 } from '../model/uuid-v7.js';

type Subject = Omit<ApplicationIdentity, 'kind'>;
type Row = MappingEntity & { readonly isLeaseExpired: boolean };

/** Mappings in PostgreSQL; leases run on the database's clock, which all replicas share. */
@Injectable()
export class PostgresIdentityMap extends IdentityMap {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  async find(identity: Subject, resource: string): Promise<Mapping | undefined> {
    const row = await this.#live(identity, resource);
    return row && toMapping(row);
  }

  async get(id: string): Promise<Mapping | undefined> {
    const [mapping] = await this.#read('id = $1', [id]);
    return mapping;
  }

  async findByCommunicationUserIds(ids: readonly string[]): Promise<readonly Mapping[]> {
    return this.#read('communication_user_id = ANY ($1)', [ids]);
  }

  async findBySubjects(subjects: readonly Subject[]): Promise<readonly Mapping[]> {
    const tenants = subjects.map(({ tenant }) => tenant);
    const names = subjects.map(({ subject }) => subject);
    return this.#read(
      `(tenant, subject) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND status <> 'deleted'`,
      [tenants, names],
    );
  }

  async listSubject(tenant: string, subject: string): Promise<readonly Mapping[]> {
    const rows = await this.database.query<MappingEntity>(
      `SELECT ${COLUMNS} FROM mapping WHERE tenant = $1 AND subject = $2 AND status <> 'deleted'
       UNION ALL
       SELECT ${COLUMNS} FROM mapping WHERE tenant = $1 AND subject = $2 AND status = 'deleted'`,
      [tenant, subject],
    );
    return rows.map(toMapping).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async search(search: MappingSearch): Promise<readonly Mapping[]> {
    const { sql, parameters } = searchQuery(search);
    return (await this.database.query<MappingEntity>(sql, parameters)).map(toMapping);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    const { tenant, subject, kind } = identity;
    const id = uuidV7(this.clock.now());
    const acquired = await this.database.query<{ id: string }>(statements.CLAIM, [
      ...[id, resource, tenant, subject, kind, lease.holder, lease.durationMs],
    ]);
    const row = await this.#live(identity, resource);
    // Deleted between the two statements: the place is free again.
    if (row?.resource !== resource) return this.claim(identity, resource, lease);
    if (row.kind !== kind) throw new IdentityKindConflict();
    const isExpired = row.status === 'pending' && row.isLeaseExpired;
    const outcome = acquired.length > 0 ? 'acquired' : isExpired ? 'expired' : 'held';
    return { outcome, mapping: toMapping(row) };
  }

  takeOver(mappingId: string, lease: Lease): TransactionalWrite {
    return held(statements.TAKE_OVER, [mappingId, lease.holder, lease.durationMs]);
  }

  activate(active: ProvisionedMapping, lease: Lease): TransactionalWrite {
    const { id, communicationUserId, version, updatedAt } = active;
    return held(statements.ACTIVATE, [id, lease.holder, communicationUserId, version, updatedAt]);
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    await this.database.query(statements.RELEASE, [mappingId, lease.holder]);
  }

  releaseUnknown(mappingId: string, lease: Lease): TransactionalWrite {
    return held(statements.RELEASE, [mappingId, lease.holder]);
  }

  add(mappings: readonly Mapping[], dueInMs?: number): TransactionalWrite {
    const column = (of: (mapping: Mapping) => unknown): unknown[] => mappings.map(of);
    return unchanged(
      statements.ADD,
      [
        column(({ id }) => id),
        column(({ resource }) => resource),
        column(({ tenant }) => tenant),
        column(({ subject }) => subject),
        column(({ kind }) => kind),
        column(({ status }) => status),
        column(({ communicationUserId }) => communicationUserId ?? null),
        column(({ displayName }) => displayName ?? null),
        column(({ isRevoking }) => isRevoking),
        column(({ createdAt }) => createdAt),
        dueInMs ?? 0,
      ],
      mappings.length,
    );
  }

  replace(known: Mapping, next: Mapping, lease?: Lease): TransactionalWrite {
    return unchanged(statements.REPLACE, [
      ...[known.id, known.version, next.status, next.displayName ?? null, next.tokenGeneration],
      ...[next.isRevoking, next.communicationUserId ?? null, next.version, next.updatedAt],
      ...[next.deletedAt ?? null, lease?.holder ?? null, lease?.durationMs ?? null],
    ]);
  }

  finishRevocation({ id, tokenGeneration }: Mapping): TransactionalWrite {
    return unchanged(statements.FINISH_REVOCATION, [id, tokenGeneration]);
  }

  finishDeletion(mappingId: string): TransactionalWrite {
    return unchanged(statements.FINISH_DELETION, [mappingId]);
  }

  addOrphan({ communicationUserId, mapping }: Orphan, lease: Lease): TransactionalWrite {
    const { holder, durationMs } = lease;
    return unchanged(statements.ADD_ORPHAN, [communicationUserId, mapping.id, holder, durationMs]);
  }

  finishOrphan(communicationUserId: string): TransactionalWrite {
    return unchanged(statements.FINISH_ORPHAN, [communicationUserId]);
  }

  async claimOverdue(limit: number, lease: Lease): Promise<readonly Mapping[]> {
    const parameters = [limit, lease.holder, lease.durationMs];
    const rows = await this.database.query<MappingEntity>(statements.CLAIM_OVERDUE, parameters);
    return rows.map(toMapping);
  }

  async claimOverdueOrphans(limit: number, lease: Lease): Promise<readonly Orphan[]> {
    const rows = await this.database.query<MappingEntity & { orphanId: string }>(
      statements.CLAIM_OVERDUE_ORPHANS,
      [limit, lease.holder, lease.durationMs],
    );
    return rows.map((row) => ({ communicationUserId: row.orphanId, mapping: toMapping(row) }));
  }

  async #live({ tenant, subject }: Subject, resource: string): Promise<Row | undefined> {
    const [row] = await this.database.query<Row>(
      `SELECT ${COLUMNS}, coalesce(lease_expires_at < clock_timestamp(), false) AS "isLeaseExpired"
       FROM mapping
       WHERE tenant = $1 AND subject = $2 AND status <> 'deleted'
       ORDER BY resource = $3 DESC, id LIMIT 1`,
      [tenant, subject, resource],
    );
    return row;
  }

  async #read(condition: string, parameters: readonly unknown[]): Promise<Mapping[]> {
    const sql = `SELECT ${COLUMNS} FROM mapping WHERE ${condition}`;
    return (await this.database.query<MappingEntity>(sql, parameters)).map(toMapping);
  }
}

/** An update that concerns the row of a lease that is still held, or nothing. */
function held(sql: string, parameters: readonly unknown[]): TransactionalWrite {
  return async (transaction) => {
    if ((await affectedBy(transaction, sql, parameters)) === 1) return;
    throw new LeaseLost('the lease of the mapping has ended');
  };
}

/** A statement that concerns as many rows as it should, or nothing. */
function unchanged(sql: string, parameters: readonly unknown[], rows = 1): TransactionalWrite {
  return async (transaction) => {
    const affected = await affectedBy(transaction, sql, parameters).catch((error: unknown) => {
      throw isUniqueViolation(error) ? new MappingChanged('taken', { cause: error }) : error;
    });
    if (affected !== rows) throw new MappingChanged('the mapping is not what it was');
  };
}

async function affectedBy(
  transaction: Transaction,
  sql: string,
  parameters: readonly unknown[],
): Promise<number> {
  // TypeORM gives rows and their number for an update, the returned rows alone for an insert.
  const result = await transaction.query<unknown[]>(sql, [...parameters]);
  return typeof result[1] === 'number' && Array.isArray(result[0]) ? result[1] : result.length;
}

function isUniqueViolation(error: unknown): boolean {
  const cause = error instanceof Error && 'driverError' in error ? error.driverError : error;
  return cause instanceof Error && 'code' in cause && cause.code === '23505';
}
