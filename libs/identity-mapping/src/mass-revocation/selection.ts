import type { MassRevocation, RevocationFilter } from './mass-revocation.js';
import { TOKENS_SINCE } from './revocation-conditions.js';

/** Conditions on `mapping`, with their parameters. */
export interface Selection {
  readonly conditions: string[];
  readonly parameters: unknown[];
  /** Adds a parameter. @returns its placeholder */
  readonly place: (value: unknown) => string;
}

/** The mappings of a filter, without its client application. */
export function selection({ tenant, kind, resource, issuedBefore }: RevocationFilter): Selection {
  const parameters: unknown[] = [];
  const place = (value: unknown): string => `$${parameters.push(value)}`;
  const conditions = Object.entries({ tenant, kind, resource })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `mapping.${name} = ${place(value)}`);
  conditions.push(`mapping.status <> 'deleted'`); // the condition of the indexes
  if (issuedBefore !== undefined) conditions.push(`${TOKENS_SINCE} < ${place(issuedBefore)}`);
  return { conditions, parameters, place };
}

/** The mappings that a mass revocation has not reached yet: as `AWAITS_REVOCATION`, for one of them. */
export function remainder({ id, number, filter }: MassRevocation): Selection {
  const selected = selection(filter);
  const { conditions, place } = selected;
  conditions.push(`mapping.revoked_through < ${place(number)}`);
  if (hasTargets(filter)) conditions.push(isTargetOf(place(id)));
  return selected;
}

/** @param id a placeholder */
export function isTargetOf(id: string): string {
  return `mapping.id IN (SELECT mapping_id FROM revocation_target WHERE revocation_id = ${id})`;
}

/** Whether the identities of the mass revocation are stored one by one. */
export function hasTargets({ clientApp, invitation }: RevocationFilter): boolean {
  return clientApp !== undefined || invitation !== undefined;
}
