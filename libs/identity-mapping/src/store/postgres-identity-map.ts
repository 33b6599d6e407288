import { Injectable } from '@nestjs/common';
import type { RowChange, TransactionalWrite } from '#libs/audit';
import {
  type CanonicalName,
  Clock,
  type CommunicationUserId,
  Database,
  mapInSlices,
  ReadingDatabase,
  sqlState,
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
} from './mapping-columns.js';
import * as changes from './change-statements.js';
import { MappingClaims } from './mapping-claims.js';
import { MappingLookup } from './mapping-lookup.js';
import { PERSON_ORDER } from './person-order.js';
import * as statements from './statements.js';

const UNIQUE_VIOLATION = '23505';

/** Mappings in PostgreSQL. Leases expire by the database's clock, which all replicas share. */
@Injectable()
export class PostgresIdentityMap extends IdentityMap {
  readonly #lookup: MappingLookup;
  readonly #claims: MappingClaims;

  constructor(
    private readonly database: Database,
    private readonly reading: ReadingDatabase,
    private readonly clock: Clock,
  ) {
    super();
    this.#lookup = new MappingLookup(database);
    this.#claims = new MappingClaims(database);
  }

  async find(person: TenantSubject): Promise<Mapping | undefined> {
    const row = await this.#lookup.find(person);
    return row && toMapping(row);
  }

  async findAll({ tenant, subject }: TenantSubject): Promise<readonly Mapping[]> {
    return this.#read(
      `tenant = $1 AND subject = $2 AND status <> 'deleted' ORDER BY ${PERSON_ORDER}`,
      [tenant, subject],
    );
  }

  async isBeingCreated({ tenant, subject }: TenantSubject): Promise<boolean> {
    const rows = await this.database.query<unknown>(
      `SELECT FROM mapping
       WHERE tenant = $1 AND subject = $2 AND status = 'pending' AND lease_holder IS NOT NULL`,
      [tenant, subject],
    );
    return rows.length > 0;
  }

  async get(id: string): Promise<Mapping | undefined> {
    const sql = `SELECT ${SELECT_LIST} FROM mapping WHERE id = $1`;
    const [row] = await this.database.queryPrepared<MappingRow>('mapping_get', sql, [id]);
    return row && toMapping(row);
  }

  async findByCommunicationUserIds(
    ids: readonly CommunicationUserId[],
  ): Promise<readonly Mapping[]> {
    return this.#read('communication_user_id = ANY ($1)', [ids]);
  }

  async findBySubjects(subjects: readonly TenantSubject[]): Promise<readonly Mapping[]> {
    const tenants = subjects.map(({ tenant }) => tenant);
    const names = subjects.map(({ subject }) => subject);
    const rows = await this.reading.query<MappingRow>(
      `SELECT ${SELECT_LIST} FROM mapping
       WHERE (tenant, subject) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND status <> 'deleted'`,
      [tenants, names],
    );
    return rows.map(toMapping);
  }

  async listSubject(tenant: CanonicalName, subject: CanonicalName): Promise<readonly Mapping[]> {
    const rows = await this.reading.query<MappingRow>(
      `SELECT ${SELECT_LIST} FROM mapping WHERE tenant = $1 AND subject = $2 AND status <> 'deleted'
       UNION ALL
       SELECT ${SELECT_LIST} FROM mapping WHERE tenant = $1 AND subject = $2 AND status = 'deleted'`,
      [tenant, subject],
    );
    return rows.map(toMapping).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async search(search: MappingSearch): Promise<readonly Mapping[]> {
    const { sql, parameters } = statements.searchQuery(search);
    const rows = await this.reading.query<MappingRow>(sql, parameters);
    return mapInSlices(rows, toMapping);
  }

  async claim(identity: ApplicationIdentity, resource: string, lease: Lease): Promise<Claim> {
    const { tenant, subject, kind } = identity;
    const pending = newMapping({ tenant, subject, kind, resource }, this.clock.now());
    const claimed = await this.#claims.claim(pending, lease);
    const row = claimed ?? (await this.#lookup.find(identity));
    // The mapping was deleted between the two statements.
    if (!row) return this.claim(identity, resource, lease);
    if (row.kind !== kind) throw new IdentityKindConflict();
    const isExpired = row.status === 'pending' && row.isLeaseExpired;
    const isAcquired = claimed?.isAcquired === true;
    const outcome = isAcquired ? 'acquired' : isExpired ? 'expired' : 'held';
    return { outcome, mapping: toMapping(row) };
  }

  takeOver(mappingId: string, lease: Lease): RowChange {
    const row = [mappingId, lease.holder, lease.durationMs];
    return underLease('mapping_take_over', changes.TAKE_OVER, row);
  }

  activate(active: ProvisionedMapping, lease: Lease): RowChange {
    const { id, communicationUserId, version, updatedAt } = active;
    const row = [id, lease.holder, communicationUserId, version, updatedAt];
    return underLease('mapping_activate', changes.ACTIVATE, row);
  }

  async release(mappingId: string, lease: Lease): Promise<void> {
    await this.database.query(changes.RELEASE, [[mappingId], [lease.holder]]);
  }

  releaseUnknown(mappingId: string, lease: Lease): RowChange {
    return underLease('mapping_release', changes.RELEASE, [mappingId, lease.holder]);
  }

  add(mappings: readonly Mapping[]): TransactionalWrite {
    const arrays = MAPPING_COLUMNS.map(({ property }) =>
      mappings.map((mapping) => mapping[property] ?? null),
    );
    return insertion(statements.ADD, arrays, mappings.length);
  }

  replace(known: Mapping, next: Mapping, lease?: Lease): RowChange {
    return ifUnchanged('mapping_replace', changes.REPLACE, [
      ...[known.id, known.version, lease?.holder, lease?.durationMs],
      ...MUTABLE_COLUMNS.map(({ property }) => next[property]),
    ]);
  }

  finishRevocation({ id, tokenGeneration }: Mapping): RowChange {
    const row = [id, tokenGeneration];
    return ifUnchanged('mapping_finish_revocation', changes.FINISH_REVOCATION, row);
  }

  finishDeletion(mappingId: string): RowChange {
    return ifUnchanged('mapping_finish_deletion', changes.FINISH_DELETION, [mappingId]);
  }

  expectUnchanged({ id, tokenGeneration }: ProvisionedMapping): RowChange {
    const row = [id, tokenGeneration];
    const change = ifUnchanged('mapping_expect_unchanged', changes.EXPECT_UNCHANGED, row);
    return { ...change, isCondition: true };
  }

  expectUnrevoked({ tenant, subject }: TenantSubject): RowChange {
    const row = [tenant, subject];
    const change = ifUnchanged('mapping_expect_unrevoked', changes.EXPECT_UNREVOKED, row);
    return { ...change, isCondition: true };
  }

  addOrphan({ communicationUserId, mapping }: Orphan, lease: Lease): TransactionalWrite {
    const { holder, durationMs } = lease;
    const row = [communicationUserId, mapping.id, holder, durationMs];
    return insertion(statements.ADD_ORPHAN, row, 1);
  }

  async isOrphan(communicationUserId: CommunicationUserId): Promise<boolean> {
    return (await this.database.query(statements.IS_ORPHAN, [communicationUserId])).length > 0;
  }

  finishOrphan(communicationUserId: CommunicationUserId): RowChange {
    return ifUnchanged('mapping_finish_orphan', changes.FINISH_ORPHAN, [communicationUserId]);
  }

  async owedResources(): Promise<readonly string[]> {
    return this.#values(statements.OWED_RESOURCES);
  }

  async owedOrphanResources(): Promise<readonly string[]> {
    return this.#values(statements.ORPHANS_OWED_RESOURCES);
  }

  async claimOverdue(resource: string, limit: number, lease: Lease): Promise<readonly Mapping[]> {
    const parameters = [limit, lease.holder, lease.durationMs, resource];
    const rows = await this.database.query<MappingRow>(statements.CLAIM_OVERDUE, parameters);
    return rows.map(toMapping);
  }

  async claimOverdueOrphans(
    resource: string,
    limit: number,
    lease: Lease,
  ): Promise<readonly Orphan[]> {
    const rows = await this.database.query<MappingRow & { orphanId: CommunicationUserId }>(
      statements.CLAIM_OVERDUE_ORPHANS,
      [limit, lease.holder, lease.durationMs, resource],
    );
    return rows.map((row) => ({ communicationUserId: row.orphanId, mapping: toMapping(row) }));
  }

  async #values(sql: string): Promise<readonly string[]> {
    const rows = await this.database.query<{ value: string }>(sql);
    return rows.map(({ value }) => value);
  }

  async #read(condition: string, parameters: readonly unknown[]): Promise<Mapping[]> {
    const sql = `SELECT ${SELECT_LIST} FROM mapping WHERE ${condition}`;
    return (await this.database.query<MappingRow>(sql, parameters)).map(toMapping);
  }
}

/** A change of the row under the lease; no such row: `LeaseLost`. */
function underLease(name: string, text: string, row: RowChange['row']): RowChange {
  const reject = (): Error => new LeaseLost('the lease of the mapping has expired');
  return { name, text, row, reject };
}

/** A change of the row in its known state; no such row, or its key is taken: `MappingChanged`. */
function ifUnchanged(name: string, text: string, row: RowChange['row']): RowChange {
  return { name, text, row, reject: mappingChanged };
}

/** A statement that adds rows, and returns one for each; fewer than expected: `MappingChanged`. */
function insertion(
  sql: string,
  parameters: readonly unknown[],
  expectedRows: number,
): TransactionalWrite {
  return async (transaction) => {
    const rows = await transaction
      .query<unknown[]>(sql, [...parameters])
      .catch((error: unknown) => {
        if (sqlState(error) !== UNIQUE_VIOLATION) throw error;
        throw mappingChanged(error);
      });
    if (rows.length !== expectedRows) throw mappingChanged();
  };
}

function mappingChanged(cause?: unknown): MappingChanged {
  return cause === undefined
    ? new MappingChanged('the mapping was changed by another caller')
    : new MappingChanged('the mapping exists already', { cause });
}
