import { Injectable } from '@nestjs/common';
import type { RowChange, TransactionalWrite } from '#libs/audit';
import type { AssignmentHolder, PrincipalType } from '#libs/communication-services';
import {
  Database,
  distinctValues,
  type Guid,
  isWorkLeaseOver,
  type Lease,
  ReadingDatabase,
} from '#libs/platform';
import type { Assignment, AssignmentStatus, OwedAssignment } from '../assignment.js';
import { AssignmentChanged } from '../errors.js';
import {
  type AssignmentSearch,
  type AssignmentSelection,
  AssignmentStore,
  type HeldAssignment,
} from './assignment-store.js';
import { markRenewals } from './mark-renewals.js';
import {
  awaitsRenewal,
  IS_MARKING,
  RENEWED,
  RENEWED_THROUGH_LAST,
} from './revocation-statements.js';

/** A row as `COLUMNS` selects it. */
interface AssignmentRow {
  readonly id: string;
  readonly resource: string;
  readonly tenant: Guid;
  readonly objectId: Guid;
  readonly principalType: PrincipalType;
  readonly clientIds: readonly Guid[];
  readonly status: AssignmentStatus;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly deletedAt: Date | null;
}

/** An assignment that awaits its renewal is shown as `renewing`. */
const SHOWN_STATUS = `
  CASE WHEN ${awaitsRenewal('teams_phone_assignment')} THEN 'renewing' ELSE status END`;

const columns = (status: string): string => `
  id, resource, tenant, object_id AS "objectId", principal_type AS "principalType",
  client_ids AS "clientIds", ${status} AS status, version, created_at AS "createdAt",
  updated_at AS "updatedAt", deleted_at AS "deletedAt"`;
const COLUMNS = columns(SHOWN_STATUS);

/** A principal whose identity is suspended or being deleted: serial with that, under the lock of the log. */
const isBarred = (tenant: string, objectId: string): string => `EXISTS (
    SELECT FROM mapping WHERE mapping.tenant = ${tenant}::text AND mapping.subject = ${objectId}::text
      AND mapping.status IN ('suspended', 'deleting'))`;

const OWED = `'pending', 'renewing', 'deleting'`;

/** The lease of an assignment that is owed is overdue at once, unless somebody holds it. */
const ADD = `
  INSERT INTO teams_phone_assignment
    (id, resource, tenant, object_id, principal_type, client_ids, status, version, created_at,
     updated_at, lease_expires_at, renewed_through)
  SELECT $1::uuid, $2, $3::uuid, $4::uuid, $5, $6::uuid[], $7::text, $8::integer, $9::timestamptz,
    $10::timestamptz, clock_timestamp(), ${RENEWED_THROUGH_LAST}
  WHERE $7::text <> 'pending' OR NOT ${isBarred('$3::uuid', '$4::uuid')}
  ON CONFLICT DO NOTHING
  RETURNING id`;

const REPLACE = `
  UPDATE teams_phone_assignment AS stored
  SET principal_type = c.principal_type, client_ids = string_to_array(c.client_ids, ',')::uuid[],
      status = c.status, version = c.version, updated_at = c.updated_at,
      lease_expires_at = coalesce(stored.lease_expires_at, clock_timestamp())
  FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::integer[],
              $7::timestamptz[])
    WITH ORDINALITY AS c (id, known_version, principal_type, client_ids, status, version, updated_at, n)
  WHERE stored.id = c.id AND stored.version = c.known_version AND stored.status <> 'deleted'
    AND (c.status = 'deleting' OR NOT ${isBarred('stored.tenant', 'stored.object_id')})
  RETURNING c.n`;

/** One that awaits its renewal is owed. $1 assignment */
const RENEW_AWAITING = `
  UPDATE teams_phone_assignment
  SET ${RENEWED}, lease_expires_at = coalesce(lease_expires_at, clock_timestamp())
  WHERE id = $1 AND ${awaitsRenewal('teams_phone_assignment')}`;

/** A lease without a holder was given up: its expiry says from when ACS may be called. */
const HOLD = `
  WITH before (assignment, holder) AS (
    SELECT id, lease_holder FROM teams_phone_assignment WHERE id = $1 FOR UPDATE
  ), held AS (
    UPDATE teams_phone_assignment
    SET lease_holder = $2, lease_expires_at = clock_timestamp() + $3 * interval '1 ms'
    FROM before
    WHERE id = before.assignment AND status IN (${OWED})
      AND (lease_holder = $2 OR ${isWorkLeaseOver('clock_timestamp()')})
    RETURNING ${columns('status')}, coalesce(before.holder <> $2, false) AS "isTakeover"
  )
  SELECT * FROM held`;

const RELEASE = `
  UPDATE teams_phone_assignment SET lease_holder = NULL, lease_expires_at = clock_timestamp()
  WHERE id = $1 AND lease_holder = $2 AND status IN (${OWED})`;

const RELEASE_UNKNOWN = `
  UPDATE teams_phone_assignment AS stored SET lease_holder = NULL
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS c (id, holder, n)
  WHERE stored.id = c.id AND stored.lease_holder = c.holder
  RETURNING c.n`;

const FINISH = `
  UPDATE teams_phone_assignment AS stored
  SET principal_type = c.principal_type, client_ids = string_to_array(c.client_ids, ',')::uuid[],
      status = c.status, updated_at = clock_timestamp(), lease_holder = NULL,
      lease_expires_at = CASE WHEN c.status IN (${OWED}) THEN clock_timestamp() END,
      deleted_at = CASE WHEN c.status = 'deleted' THEN clock_timestamp() END
  FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY AS c (id, known_version, holder, principal_type, client_ids, status, n)
  WHERE stored.id = c.id AND stored.version = c.known_version AND stored.lease_holder = c.holder
    AND stored.status IN (${OWED})
  RETURNING c.n`;

/**
 * $1 tenant, $2 resource, $3 application, $4 time: an assignment without applications is for any, and one
 * that is being deleted may have tokens of applications that it no longer names.
 */
const SELECTED = `
  ($1::uuid IS NULL OR tenant = $1) AND ($2::text IS NULL OR resource = $2)
  AND ($3::uuid IS NULL OR client_ids = '{}' OR $3 = ANY (client_ids)
    OR status IN ('renewing', 'deleting'))
  AND ($4::timestamptz IS NULL OR created_at < $4)`;

/** What `find` gives for each holder, which may be nothing, is as known. */
const EXPECT_UNCHANGED = `
  SELECT c.n
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[])
    WITH ORDINALITY AS c (tenant, object_id, id, version, n)
  LEFT JOIN LATERAL (
    SELECT id, version, status, ${awaitsRenewal('found')} AS is_awaiting
    FROM teams_phone_assignment AS found
    WHERE found.tenant = c.tenant AND found.object_id = c.object_id
    ORDER BY status <> 'deleted' DESC, id DESC LIMIT 1
  ) AS stored ON true
  WHERE stored.id IS NOT DISTINCT FROM c.id AND stored.version IS NOT DISTINCT FROM c.version
    AND (stored.status IN ('renewing', 'deleting') OR stored.is_awaiting) IS NOT TRUE`;

/** The nested loops of LATERAL … LIMIT keep it one index lookup for each holder. */
const RENEW = `
  UPDATE teams_phone_assignment
  SET ${RENEWED}, lease_expires_at = coalesce(lease_expires_at, clock_timestamp())
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS c (holder_tenant, holder_id, n), LATERAL (
    SELECT id AS renewed_id FROM teams_phone_assignment AS found
    WHERE found.tenant = c.holder_tenant AND found.object_id = c.holder_id
      AND found.status <> 'deleted' LIMIT 1
  ) AS renewed
  WHERE id = renewed_id AND status IN ('pending', 'active', 'renewing')
  RETURNING c.n`;

/** $5 number of the mass revocation. An assignment that came to meet it later has no tokens from before. */
const IS_LEFT = `
  (status IN ('renewing', 'deleting') OR status IN ('pending', 'active') AND renewed_through < $5
    AND EXISTS (SELECT FROM revocation WHERE number = $5 AND ${IS_MARKING}))`;

const OWED_RESOURCES = distinctValues(
  ...(['teams_phone_assignment', 'resource', 'lease_expires_at IS NOT NULL'] as const),
);

/** Assignments in PostgreSQL. Leases expire by the database's clock, which all replicas share. */
@Injectable()
export class PostgresAssignmentStore extends AssignmentStore {
  constructor(
    private readonly database: Database,
    private readonly reading: ReadingDatabase,
  ) {
    super();
  }

  async find({ tenant, objectId }: AssignmentHolder): Promise<Assignment | undefined> {
    const sql = `
      SELECT ${COLUMNS} FROM teams_phone_assignment WHERE tenant = $1 AND object_id = $2
      ORDER BY status <> 'deleted' DESC, id DESC LIMIT 1`;
    const [row] = await this.database.query<AssignmentRow>(sql, [tenant, objectId]);
    return row && toAssignment(row);
  }

  expectUnchanged({ tenant, objectId }: AssignmentHolder, known?: Assignment): RowChange {
    return {
      name: 'teams_phone_expect_unchanged',
      text: EXPECT_UNCHANGED,
      row: [tenant, objectId, known?.id, known?.version],
      isCondition: true,
      reject: () => new AssignmentChanged(),
    };
  }

  async get(id: string): Promise<Assignment | undefined> {
    const sql = `SELECT ${COLUMNS} FROM teams_phone_assignment WHERE id = $1`;
    const [row] = await this.database.query<AssignmentRow>(sql, [id]);
    return row && toAssignment(row);
  }

  async search({ tenant, status, after, limit }: AssignmentSearch): Promise<readonly Assignment[]> {
    const sql = `
      SELECT ${COLUMNS} FROM teams_phone_assignment
      WHERE ($1::uuid IS NULL OR tenant = $1)
        AND CASE WHEN $2::text IS NULL THEN status <> 'deleted' ELSE ${SHOWN_STATUS} = $2 END
        AND ($3::uuid IS NULL OR id > $3)
      ORDER BY id LIMIT $4`;
    const rows = await this.reading.query<AssignmentRow>(sql, [tenant, status, after, limit]);
    return rows.map(toAssignment);
  }

  async isBarred({ tenant, objectId }: AssignmentHolder): Promise<boolean> {
    const sql = `SELECT ${isBarred('$1', '$2')} AS "isBarred"`;
    const [row] = await this.database.query<{ isBarred: boolean }>(sql, [tenant, objectId]);
    return row?.isBarred === true;
  }

  add(assignment: Assignment): TransactionalWrite {
    const { id, resource, tenant, objectId, principalType, clientIds } = assignment;
    const { status, version, createdAt, updatedAt } = assignment;
    return async (transaction) => {
      const rows = await transaction.query<unknown[]>(ADD, [
        ...[id, resource, tenant, objectId, principalType, clientIds],
        ...[status, version, createdAt, updatedAt],
      ]);
      if (rows.length === 0) throw new AssignmentChanged();
    };
  }

  replace(known: Assignment, next: Assignment): RowChange {
    const { principalType, clientIds, status, version, updatedAt } = next;
    return {
      name: 'teams_phone_replace',
      text: REPLACE,
      row: [
        ...[known.id, known.version, principalType, clientIds.join(',')],
        ...[status, version, updatedAt],
      ],
      reject: () => new AssignmentChanged(),
    };
  }

  async hold(id: string, { holder, durationMs }: Lease): Promise<HeldAssignment | undefined> {
    await this.database.query(RENEW_AWAITING, [id]);
    const [held] = await this.database.query<AssignmentRow & { readonly isTakeover: boolean }>(
      HOLD,
      [id, holder, durationMs],
    );
    if (!held) return undefined;
    const { isTakeover, ...row } = held;
    return { assignment: toAssignment(row) as OwedAssignment, isTakeover };
  }

  async release(id: string, lease: Lease): Promise<void> {
    await this.database.query(RELEASE, [id, lease.holder]);
  }

  releaseUnknown(id: string, lease: Lease): RowChange {
    return {
      name: 'teams_phone_release',
      text: RELEASE_UNKNOWN,
      row: [id, lease.holder],
      reject: () => new AssignmentChanged(),
    };
  }

  finish(known: Assignment, next: Assignment, lease: Lease): RowChange {
    const { principalType, clientIds, status } = next;
    return {
      name: 'teams_phone_finish',
      text: FINISH,
      row: [
        ...[known.id, known.version, lease.holder],
        ...[principalType, clientIds.join(','), status],
      ],
      reject: () => new AssignmentChanged(),
    };
  }

  renew({ tenant, objectId }: AssignmentHolder): RowChange {
    return {
      name: 'teams_phone_renew',
      text: RENEW,
      row: [tenant, objectId],
      isOptional: true,
      reject: () => new AssignmentChanged(),
    };
  }

  async countRenewable(selection: AssignmentSelection): Promise<ReadonlyMap<string, number>> {
    return this.#count(`status IN ('pending', 'active', 'renewing')`, valuesOf(selection));
  }

  async countLeft(
    selection: AssignmentSelection,
    revocation: number,
  ): Promise<ReadonlyMap<string, number>> {
    return this.#count(IS_LEFT, [...valuesOf(selection), revocation]);
  }

  async markRenewals(signal?: AbortSignal): Promise<void> {
    await markRenewals(this.reading, signal);
  }

  async owedResources(): Promise<readonly string[]> {
    const rows = await this.database.query<{ value: string }>(OWED_RESOURCES);
    return rows.map(({ value }) => value);
  }

  async overdue(resource: string, limit: number): Promise<readonly string[]> {
    const sql = `
      SELECT id FROM teams_phone_assignment WHERE resource = $1 AND ${isWorkLeaseOver('now()')}
      ORDER BY lease_expires_at LIMIT $2`;
    const rows = await this.database.query<{ id: string }>(sql, [resource, limit]);
    return rows.map(({ id }) => id);
  }

  async #count(condition: string, values: unknown[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.reading.query<{ resource: string; count: number }>(
      `SELECT resource, count(*)::integer FROM teams_phone_assignment
       WHERE ${condition} AND ${SELECTED} GROUP BY resource`,
      values,
    );
    return new Map(rows.map(({ resource, count }) => [resource, count]));
  }
}

function valuesOf(selection: AssignmentSelection): unknown[] {
  const { tenant, resource, clientId, createdBefore } = selection;
  return [tenant, resource, clientId, createdBefore];
}

function toAssignment({ deletedAt, ...row }: AssignmentRow): Assignment {
  return { ...row, deletedAt: deletedAt ?? undefined };
}
