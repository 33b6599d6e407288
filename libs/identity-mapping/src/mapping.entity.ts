import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { IdentityKind } from './application-identity.js';
import type { Mapping, MappingStatus } from './mapping.js';

/** The row of a mapping. The constraints hold the invariants, whoever writes. */
@Entity({ name: 'mapping' })
@Check('mapping_kind_check', `"kind" IN ('user', 'service', 'bot')`)
@Check(
  'mapping_status_check',
  `"status" IN ('pending', 'active', 'suspended', 'deleting', 'deleted')`,
)
@Check(
  'mapping_communication_user_id_check',
  `"status" IN ('pending', 'deleted') OR "communication_user_id" IS NOT NULL`,
)
@Index('mapping_application_identity', ['resource', 'tenant', 'subject'], {
  unique: true,
  where: `"status" <> 'deleted'`,
})
@Index('mapping_communication_user_id', ['communicationUserId'], { unique: true })
export class MappingEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'mapping_pkey' })
  id!: string; // definite: TypeORM fills in every column of a row that it reads

  @Column({ type: 'text' })
  resource!: string;

  @Column({ type: 'text' })
  tenant!: string;

  @Column({ type: 'text' })
  subject!: string;

  @Column({ type: 'text' })
  kind!: IdentityKind;

  @Column({ type: 'text' })
  status!: MappingStatus;

  @Column({ name: 'communication_user_id', type: 'text', nullable: true })
  communicationUserId!: string | null;

  @Column({ name: 'display_name', type: 'text', nullable: true })
  displayName!: string | null;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ name: 'lease_holder', type: 'uuid', nullable: true })
  leaseHolder!: string | null;

  @Column({ name: 'lease_expires_at', type: 'timestamptz', nullable: true })
  leaseExpiresAt!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;
}

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
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  };
}
