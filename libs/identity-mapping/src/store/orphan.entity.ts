import { Check, Column, Entity, Index, ManyToOne, PrimaryColumn, JoinColumn } from 'typeorm';
import type { CommunicationUserId } from '#libs/platform';
import { MappingEntity } from './mapping.entity.js';

/** The row of an identity that exists at ACS without a mapping, until its deletion is confirmed. */
@Entity({ name: 'mapping_orphan' })
@Check('mapping_orphan_owed_check', `("deleted_at" IS NULL) = ("lease_expires_at" IS NOT NULL)`)
@Index('mapping_orphan_owed', ['leaseExpiresAt'], { where: `"lease_expires_at" IS NOT NULL` })
@Index('mapping_orphan_mapping', ['mappingId'])
export class OrphanEntity {
  @PrimaryColumn({
    name: 'communication_user_id',
    type: 'text',
    primaryKeyConstraintName: 'mapping_orphan_pkey',
  })
  communicationUserId!: CommunicationUserId; // definite: TypeORM fills in every column of a row that it reads

  @ManyToOne(() => MappingEntity, { nullable: false })
  @JoinColumn({ name: 'mapping_id', foreignKeyConstraintName: 'mapping_orphan_mapping_fkey' })
  mapping!: MappingEntity;

  @Column({ name: 'mapping_id', type: 'uuid' })
  mappingId!: string;

  @Column({ name: 'lease_holder', type: 'uuid', nullable: true })
  leaseHolder!: string | null;

  @Column({ name: 'lease_expires_at', type: 'timestamptz', nullable: true })
  leaseExpiresAt!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true })
  deletedAt!: Date | null;
}
