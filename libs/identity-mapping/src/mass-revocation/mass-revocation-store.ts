import { Injectable } from '@nestjs/common';
import {
  BEFORE_VALID_TOKENS,
  CREATED_AHEAD_MS,
  NEXT_ENTRIES_OF_CLIENT_APP,
  type RowChange,
  tokenRecipients,
  type TransactionalWrite,
} from '#libs/audit';
import {
  type CanonicalName,
  Database,
  isCanonicalGuid,
  isWorkLeaseOver,
  ReadingDatabase,
} from '#libs/platform';
import { AssignmentRenewal, type AssignmentSelection } from '#libs/teams-phone';
import { MappingChanged } from '../errors.js';
import type { IdentityKind, Mapping, ProvisionedMapping } from '../model/mapping.js';
import { FINISH_MASS_REVOCATION } from '../store/change-statements.js';
import type { Lease } from '../store/identity-map.js';
import { type MappingRow, SELECT_LIST, toMapping } from '../store/mapping-columns.js';
import type {
  IdentitySelector,
  MassRevocation,
  NamedIdentities,
  RevocationFilter,
} from './mass-revocation.js';
import { MAY_HAVE_TOKENS } from './revocation-conditions.js';
import { hasTargets, isTargetOf, remainder, selection } from './selection.js';

interface Row {
  readonly id: string;
  readonly number: number;
  readonly tenant: CanonicalName | null;
  readonly clientApp: CanonicalName | null;
  readonly kind: IdentityKind | null;
  readonly resource: string | null;
  readonly issuedBefore: Date | null;
  readonly invitation: string | null;
  readonly reason: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  readonly identities: number | null;
  readonly assignments: number | null;
}

const COLUMNS = `id, number, tenant, client_app AS "clientApp", kind, resource, reason, identities,
  assignments, invitation, issued_before AS "issuedBefore", started_at AS "startedAt", finished_at AS "finishedAt"`;

const LIST_LIMIT = 100;
/** Entries of a client application whose identities are stored by one statement, far within its timeout. */
const TARGET_BATCH = 20_000;

/** By ACS resource, whose limits are apart. */
export interface RevocationCounts {
  readonly identities: ReadonlyMap<string, number>;
  /** Teams Phone assignments. */
  readonly assignments: ReadonlyMap<string, number>;
}

/** Of the mappings that a mass revocation has left. */
interface MappingPage {
  readonly resource: string;
  /** The id of the last mapping before the page. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** Mass revocations in PostgreSQL. What is left to do is what the mappings say. */
@Injectable()
export class MassRevocationStore {
  constructor(
    private readonly database: Database,
    private readonly reading: ReadingDatabase,
    private readonly assignments: AssignmentRenewal,
  ) {}

  /**
   * What a mass revocation would concern now.
   *
   * @param named for an `invitation`
   */
  async count(filter: RevocationFilter, named?: NamedIdentities): Promise<RevocationCounts> {
    const { conditions, place, parameters } = selection(filter);
    if (filter.clientApp !== undefined) {
      const range = `entry_index > ${place(await this.#beforeValidTokens())}`;
      conditions.push(`mapping.id IN (${tokenRecipients(place(filter.clientApp), range)})`);
    }
    if (named) conditions.push(`mapping.subject = ANY (${place(named.subjects)})`);
    const assignments = assignmentsOf(filter);
    return {
      identities: await this.#countWhere(conditions, parameters),
      assignments: assignments ? await this.assignments.count(assignments) : new Map(),
    };
  }

  /**
   * Stores the identities of which a client application got tokens, as far as the log has them now, batch by
   * batch: it may have millions of entries. The rest, of which there are few, is added in the transaction of
   * the start.
   *
   * @returns the place of the newest entry that was read
   */
  async prepareTargets(
    id: string,
    clientApp: CanonicalName,
    batchSize = TARGET_BATCH,
  ): Promise<string> {
    for (let last = await this.#beforeValidTokens(); ;) {
      const [batch] = await this.reading.query<{ last: string; entries: number }>(
        NEXT_ENTRIES_OF_CLIENT_APP,
        [clientApp, last, batchSize],
      );
      if (!batch) return last;
      const range = [clientApp, id, last, batch.last];
      await this.reading.query(targets('entry_index > $3 AND entry_index <= $4'), range);
      if (batch.entries < batchSize) return batch.last;
      last = batch.last;
    }
  }

  /** Stores identities that are named; the transaction of the start adds those that came meanwhile. */
  async prepareNamed(id: string, { tenant, subjects }: NamedIdentities): Promise<void> {
    await this.reading.query(NAMED_TARGETS, [id, tenant, subjects]);
  }

  /** Whether a mass revocation would concern somebody. @param id of the targets that were prepared for it */
  async concernsSomebody(id: string, filter: RevocationFilter): Promise<boolean> {
    const { conditions, place, parameters } = selection(filter);
    if (hasTargets(filter)) conditions.push(isTargetOf(place(id)));
    const [row] = await this.reading.query<{ concerns: boolean }>(
      `SELECT EXISTS (SELECT FROM mapping WHERE ${[MAY_HAVE_TOKENS, ...conditions].join(' AND ')})
         AS concerns`,
      parameters,
    );
    if (row?.concerns) return true;
    const assignments = assignmentsOf(filter);
    return assignments !== undefined && (await this.assignments.count(assignments)).size > 0;
  }

  /** Deletes the targets of a mass revocation that is over. */
  async dropTargets(id: string): Promise<void> {
    await this.database.query('DELETE FROM revocation_target WHERE revocation_id = $1', [id]);
  }

  /** Deletes the targets of mass revocations that are over, and of those that did not begin within an hour. */
  async dropIdleTargets(): Promise<void> {
    await this.reading.query(DROP_IDLE_TARGETS);
  }

  /**
   * The cut: issuance for the identities stops with this row. Entries of the log commit one after the
   * other, so that each token is recorded before it, and is revoked, or is refused.
   *
   * @param options.newest as `prepareTargets` returned it
   * @param options.select for an `invitation`
   */
  begin(
    { id, filter, reason }: Pick<MassRevocation, 'id' | 'filter' | 'reason'>,
    {
      newest,
      select,
    }: {
      readonly newest?: string | undefined;
      readonly select?: IdentitySelector['select'] | undefined;
    } = {},
  ): TransactionalWrite {
    return async (transaction) => {
      await transaction.query(
        `INSERT INTO revocation
           (id, number, tenant, client_app, kind, resource, issued_before, invitation, reason,
            is_marking_assignments)
         SELECT $1, coalesce(max(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9 FROM revocation`,
        [
          ...[id, filter.tenant, filter.clientApp, filter.kind, filter.resource],
          ...[filter.issuedBefore, filter.invitation, reason, assignmentsOf(filter) !== undefined],
        ],
      );
      if (filter.clientApp !== undefined)
        await transaction.query(targets('entry_index > $3'), [filter.clientApp, id, newest]);
      if (!select) return;
      const { tenant, subjects } = await select(transaction);
      await transaction.query(NAMED_TARGETS, [id, tenant, subjects]);
    };
  }

  async setCounts(
    id: string,
    { identities, assignments }: { readonly identities: number; readonly assignments: number },
  ): Promise<void> {
    await this.database.query(
      `UPDATE revocation SET identities = $2, assignments = $3
       WHERE id = $1 AND identities IS NULL`,
      [id, identities, assignments],
    );
  }

  async get(id: string): Promise<MassRevocation | undefined> {
    const sql = `SELECT ${COLUMNS} FROM revocation WHERE id = $1`;
    const [row] = await this.reading.query<Row>(sql, [id]);
    return row && toRevocation(row);
  }

  /** The newest first. */
  async list(): Promise<readonly MassRevocation[]> {
    const sql = `SELECT ${COLUMNS} FROM revocation ORDER BY number DESC LIMIT ${LIST_LIMIT}`;
    return (await this.reading.query<Row>(sql)).map(toRevocation);
  }

  /** What has old tokens that ACS may still accept. */
  async remaining(revocation: MassRevocation): Promise<RevocationCounts> {
    if (revocation.finishedAt) return { identities: new Map(), assignments: new Map() };
    const { conditions, parameters } = remainder(revocation);
    const assignments = assignmentsOf(revocation.filter);
    return {
      identities: await this.#countWhere(conditions, parameters),
      assignments: assignments
        ? await this.assignments.remaining(assignments, revocation.number)
        : new Map(),
    };
  }

  /**
   * Takes, or keeps, all mass revocations that are to be done: one worker of all replicas has them. The
   * identities of one are counted before the first of them is revoked, unless the process that started it
   * has died.
   *
   * @returns the newest first; none when there is none to do, or another worker has them
   */
  async claim(lease: Lease): Promise<readonly MassRevocation[]> {
    const rows = await this.database.query<Row>(
      `WITH open AS MATERIALIZED (
         SELECT id AS open_id, lease_holder AS holder,
           ${isWorkLeaseOver('clock_timestamp()')} AS is_over FROM revocation
         WHERE finished_at IS NULL ORDER BY number FOR UPDATE
       ), claimed AS (
         UPDATE revocation
         SET lease_holder = $1, lease_expires_at = clock_timestamp() + $2 * interval '1 ms'
         FROM open
         WHERE id = open_id
           AND NOT EXISTS (SELECT FROM open WHERE holder <> $1 AND NOT is_over)
         RETURNING ${COLUMNS}
       )
       SELECT * FROM claimed
       WHERE identities IS NOT NULL OR "startedAt" < clock_timestamp() - interval '10 s'
       ORDER BY number DESC`,
      [lease.holder, lease.durationMs],
    );
    return rows.map(toRevocation);
  }

  async release({ holder }: Lease): Promise<void> {
    await this.database.query(
      'UPDATE revocation SET lease_holder = NULL, lease_expires_at = NULL WHERE lease_holder = $1',
      [holder],
    );
  }

  /** The next mappings of an ACS resource whose tokens are to be revoked, in the order of their ids. */
  async next(
    revocation: MassRevocation,
    { resource, after, limit }: MappingPage,
  ): Promise<readonly ProvisionedMapping[]> {
    const { conditions, place, parameters } = remainder(revocation);
    conditions.push(`mapping.resource = ${place(resource)}`);
    // Others are revoked or deleted already, by the holder of their lease.
    conditions.push(`mapping.status = 'active' AND NOT mapping.is_revoking`);
    if (after !== undefined) conditions.push(`mapping.id > ${place(after)}`);
    const rows = await this.database.query<MappingRow>(
      `SELECT ${SELECT_LIST} FROM mapping WHERE ${conditions.join(' AND ')}
       ORDER BY mapping.id LIMIT ${limit}`,
      parameters,
    );
    return rows.map(toMapping) as ProvisionedMapping[]; // active ones have their identity
  }

  /** ACS has revoked the tokens of the mapping. Rejects with `MappingChanged` when there is a later generation. */
  finishOne({ id, tokenGeneration }: Mapping, { number }: MassRevocation): RowChange {
    return {
      name: 'mapping_finish_mass_revocation',
      text: FINISH_MASS_REVOCATION,
      row: [id, tokenGeneration, number],
      reject: () => new MappingChanged('the tokens of the mapping were revoked by another caller'),
    };
  }

  /** Rejects with `MappingChanged` when it is finished already. */
  finish({ id }: MassRevocation): RowChange {
    return {
      name: 'revocation_finish',
      text: `
        UPDATE revocation
        SET finished_at = clock_timestamp(), lease_holder = NULL, lease_expires_at = NULL
        FROM unnest($1::uuid[]) WITH ORDINALITY AS c (id, n)
        WHERE revocation.id = c.id AND revocation.finished_at IS NULL
        RETURNING c.n`,
      row: [id],
      reject: () => new MappingChanged('the mass revocation is finished'),
    };
  }

  async #beforeValidTokens(): Promise<string> {
    const [row] = await this.reading.query<{ last: string }>(BEFORE_VALID_TOKENS);
    return row?.last ?? '-1';
  }

  async #countWhere(
    conditions: readonly string[],
    parameters: unknown[],
  ): Promise<ReadonlyMap<string, number>> {
    const rows = await this.reading.query<{ resource: string; identities: number }>(
      `SELECT resource, count(*)::integer AS identities FROM mapping
       WHERE ${[MAY_HAVE_TOKENS, ...conditions].join(' AND ')} GROUP BY resource`,
      parameters,
    );
    return new Map(rows.map(({ resource, identities }) => [resource, identities]));
  }
}

/**
 * The assignments under which tokens of the filter may have been exchanged; `undefined`: none. They are
 * those of people, whom Entra knows by GUIDs.
 */
function assignmentsOf({
  tenant,
  clientApp,
  kind,
  resource,
  issuedBefore,
  invitation,
}: RevocationFilter): AssignmentSelection | undefined {
  if ((kind ?? 'user') !== 'user' || invitation !== undefined) return undefined;
  if (tenant !== undefined && !isCanonicalGuid(tenant)) return undefined;
  if (clientApp !== undefined && !isCanonicalGuid(clientApp)) return undefined;
  // A replica says when an assignment was created, as for mappings.
  const createdBefore = issuedBefore && new Date(issuedBefore.getTime() + CREATED_AHEAD_MS);
  return { tenant, resource, clientId: clientApp, createdBefore };
}

/** $1 mass revocation, $2 tenant, $3 subjects */
const NAMED_TARGETS = `
  INSERT INTO revocation_target (revocation_id, mapping_id)
  SELECT $1, id FROM mapping WHERE tenant = $2 AND subject = ANY ($3) AND status <> 'deleted'
  ON CONFLICT DO NOTHING`;

/** An attempt to begin ends within seconds, also where its answer says that it may have succeeded. */
const DROP_IDLE_TARGETS = `
  DELETE FROM revocation_target AS target
  WHERE NOT EXISTS (SELECT FROM revocation WHERE id = target.revocation_id AND finished_at IS NULL)
    AND (target.created_at < now() - interval '1 hour'
      OR EXISTS (SELECT FROM revocation WHERE id = target.revocation_id))`;

/** $1 client application, $2 mass revocation; the others for the range */
function targets(range: string): string {
  return `INSERT INTO revocation_target (revocation_id, mapping_id)
    SELECT $2, identity_id FROM (${tokenRecipients('$1', range)}) AS recipients
    ON CONFLICT DO NOTHING`;
}

function toRevocation(row: Row): MassRevocation {
  const { id, number, reason, startedAt } = row;
  return {
    ...{ id, number, reason, startedAt },
    finishedAt: row.finishedAt ?? undefined,
    identities: row.identities ?? undefined,
    assignments: row.assignments ?? undefined,
    filter: {
      tenant: row.tenant ?? undefined,
      clientApp: row.clientApp ?? undefined,
      kind: row.kind ?? undefined,
      resource: row.resource ?? undefined,
      issuedBefore: row.issuedBefore ?? undefined,
      invitation: row.invitation ?? undefined,
    },
  };
}
