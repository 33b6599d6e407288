import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { CanonicalName, CommunicationUserId } from '#libs/platform';
import type { IdentityKind, MappingStatus } from '../model/mapping.js';

/**
 * The row of a mapping, and the source of the statements' column lists, casts and row mapping (see
 * `mapping-columns.ts`). The constraints hold the invariants for every writer.
 *
 * `update: false` marks columns that never change, `select: false` columns that a `Mapping` lacks.
 */
@Entity({ name: 'mapping' })
@Check('mapping_kind_check', `"kind" IN ('user', 'service', 'bot', 'visitor')`)
@Check(
  'mapping_status_check',
  `"status" IN ('pending', 'active', 'suspended', 'deleting', 'deleted')`,
)
@Check(
  'mapping_communication_user_id_check',
  `"status" = 'deleted' OR ("status" = 'pending') = ("communication_user_id" IS NULL)`,
)
@Check(
  'mapping_owed_check',
  `NOT ("is_revoking" OR "status" = 'deleting') OR "lease_expires_at" IS NOT NULL`,
)
@Check('mapping_revoking_check', `NOT "is_revoking" OR "status" IN ('active', 'suspended')`)
@Check('mapping_deleted_check', `("status" = 'deleted') = ("deleted_at" IS NOT NULL)`)
@Check('mapping_counters_check', `"version" >= 1 AND "token_generation" >= 1`)
@Check(
  'mapping_names_check',
  `length("tenant") BETWEEN 1 AND 256 AND length("subject") BETWEEN 1 AND 256 AND length("display_name") <= 256`,
)
@Index('mapping_application_identity', ['tenant', 'subject', 'resource'], {
  unique: true,
  where: `"status" <> 'deleted'`,
})
@Index('mapping_person', ['tenant', 'subject'], {
  unique: true,
  where: `"status" <> 'deleted' AND NOT "is_additional"`,
})
@Index('mapping_additional', ['tenant', 'subject'], {
  where: `"is_additional" AND "status" <> 'deleted'`,
})
@Index('mapping_communication_user_id', ['communicationUserId'], { unique: true })
@Index('mapping_tombstones', ['tenant', 'subject', 'id'], { where: `"status" = 'deleted'` })
@Index('mapping_list', ['tenant', 'id'], { where: `"status" <> 'deleted'` })
@Index('mapping_list_by_kind', ['tenant', 'kind', 'id'], { where: `"status" <> 'deleted'` })
@Index('mapping_list_by_status', ['tenant', 'status', 'id'])
@Index('mapping_list_by_kind_and_status', ['tenant', 'kind', 'status', 'id'])
@Index('mapping_owed', ['leaseExpiresAt'], { where: `"lease_expires_at" IS NOT NULL` })
@Index('mapping_owed_by_resource', ['resource', 'leaseExpiresAt'], {
  where: `"lease_expires_at" IS NOT NULL`,
})
// Of an expression, which TypeORM can't describe.
@Index('mapping_list_by_name', { synchronize: false })
export class MappingEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'mapping_pkey' })
  id!: string; // definite: TypeORM fills in every column of a row that it reads

  @Column({ type: 'text', update: false })
  resource!: string;

  @Column({ type: 'text', update: false })
  tenant!: CanonicalName;

  @Column({ type: 'text', update: false })
  subject!: CanonicalName;

  @Column({ type: 'text', update: false })
  kind!: IdentityKind;

  @Column({ type: 'text' })
  status!: MappingStatus;

  @Column({ name: 'communication_user_id', type: 'text', nullable: true })
  communicationUserId!: CommunicationUserId | null;

  @Column({ name: 'display_name', type: 'text', nullable: true })
  displayName!: string | null;

  @Column({ type: 'integer', default: 1 })
  version!: number;

  @Column({ name: 'token_generation', type: 'integer', default: 1 })
  tokenGeneration!: number;

  @Column({ name: 'is_revoking', type: 'boolean', default: false })
  isRevoking!: boolean;

  @Column({ name: 'lease_holder', type: 'uuid', nullable: true, select: false })
  leaseHolder!: string | null;

  @Column({ name: 'lease_expires_at', type: 'timestamptz', nullable: true, select: false })
  leaseExpiresAt!: Date | null;

  /** The number of the last mass revocation by which its tokens are revoked. */
  @Column({ name: 'revoked_through', type: 'integer', default: 0, select: false })
  revokedThrough!: number;

  @Column({ name: 'tokens_since', type: 'timestamptz', nullable: true, select: false })
  tokensSince!: Date | null;

  /** Of a person with another mapping, from before a person had one in all resources. */
  @Column({ name: 'is_additional', type: 'boolean', default: false, select: false })
  isAdditional!: boolean;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()', update: false })
  createdAt!: Date;

  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' })
  updatedAt!: Date;

  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true })
  deletedAt!: Date | null;
}
