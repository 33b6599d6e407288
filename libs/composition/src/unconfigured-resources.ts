import type { Database } from '#libs/platform';

/** An ACS resource that is not configured, and what refers to it. */
export interface UnconfiguredResource {
  readonly resource: string;
  /** Mappings that are not deleted, those whose deletion ACS has not confirmed included. */
  readonly identities: number;
  /** Teams Phone assignments that are not deleted. */
  readonly assignments: number;
}

const REFERRING = `
  SELECT resource, sum(identities)::integer AS identities, sum(assignments)::integer AS assignments
  FROM (
    SELECT resource, count(*) AS identities, 0 AS assignments FROM mapping
    WHERE status <> 'deleted' AND resource <> ALL ($1) GROUP BY resource
    UNION ALL
    SELECT resource, 0, count(*) FROM teams_phone_assignment
    WHERE status <> 'deleted' AND resource <> ALL ($1) GROUP BY resource
  ) AS referring
  GROUP BY resource ORDER BY resource`;

/**
 * The resources that mappings and assignments refer to beyond the configured ones: their people get 409,
 * which only the operator can end. Reads both tables whole.
 */
export async function findUnconfiguredResources(
  database: Database,
  configured: readonly string[],
): Promise<readonly UnconfiguredResource[]> {
  return database.query<UnconfiguredResource>(REFERRING, [configured]);
}

/** Such as `identities: 3, Teams Phone assignments: 1`. */
export function describeReferences({ identities, assignments }: UnconfiguredResource): string {
  return `identities: ${identities}, Teams Phone assignments: ${assignments}`;
}
