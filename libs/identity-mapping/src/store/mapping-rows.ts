import type { Mapping } from '../model/mapping.js';
import type { MappingEntity } from './mapping.entity.js';

/** The columns of `mapping` as `MappingEntity` names them. */
export const COLUMNS = `
  mapping.id, resource, tenant, subject, kind, status, version,
  mapping.communication_user_id AS "communicationUserId", display_name AS "displayName",
  token_generation AS "tokenGeneration", is_revoking AS "isRevoking",
  mapping.lease_holder AS "leaseHolder", mapping.lease_expires_at AS "leaseExpiresAt",
  mapping.created_at AS "createdAt", updated_at AS "updatedAt", mapping.deleted_at AS "deletedAt"`;

/** The domain's view of a row. */
export function toMapping(row: MappingEntity): Mapping {
  return {
    id: row.id,
    resource: row.resource,
    tenant: row.tenant,
    subject: row.subject,
    kind: row.kind,
    status: row.status,
    communicationUserId: row.communicationUserId ?? undefined,
    displayName: row.displayName ?? undefined,
    version: row.version,
    tokenGeneration: row.tokenGeneration,
    isRevoking: row.isRevoking,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    deletedAt: row.deletedAt ?? undefined,
  };
}
