import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateMapping1795000000000 implements MigrationInterface {
  readonly name = 'CreateMapping1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [TABLE, ...INDEXES, ORPHANS, ...ORPHAN_INDEXES]) {
      await runner.query(statement);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "mapping_orphan"`);
    await runner.query(`DROP TABLE "mapping"`);
  }
}

const TABLE = `
  CREATE TABLE "mapping" (
    "id" uuid NOT NULL,
    "resource" text NOT NULL,
    "tenant" text NOT NULL,
    "subject" text NOT NULL,
    "kind" text NOT NULL,
    "status" text NOT NULL,
    "communication_user_id" text,
    "display_name" text,
    "version" integer NOT NULL DEFAULT 1,
    "token_generation" integer NOT NULL DEFAULT 1,
    "is_revoking" boolean NOT NULL DEFAULT false,
    "lease_holder" uuid,
    "lease_expires_at" timestamptz,
    "created_at" timestamptz NOT NULL DEFAULT now(),
    "updated_at" timestamptz NOT NULL DEFAULT now(),
    "deleted_at" timestamptz,
    CONSTRAINT "mapping_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "mapping_kind_check" CHECK ("kind" IN ('user', 'service', 'bot')),
    CONSTRAINT "mapping_status_check"
      CHECK ("status" IN ('pending', 'active', 'suspended', 'deleting', 'deleted')),
    -- Deleted without an id: it was never created at ACS.
    CONSTRAINT "mapping_communication_user_id_check"
      CHECK ("status" = 'deleted' OR ("status" = 'pending') = ("communication_user_id" IS NULL)),
    -- Unfinished work has a time at which the recovery worker takes it over.
    CONSTRAINT "mapping_owed_check"
      CHECK (NOT ("is_revoking" OR "status" = 'deleting') OR "lease_expires_at" IS NOT NULL),
    CONSTRAINT "mapping_revoking_check"
      CHECK (NOT "is_revoking" OR "status" IN ('active', 'suspended')),
    CONSTRAINT "mapping_deleted_check"
      CHECK (("status" = 'deleted') = ("deleted_at" IS NOT NULL)),
    CONSTRAINT "mapping_counters_check" CHECK ("version" >= 1 AND "token_generation" >= 1),
    CONSTRAINT "mapping_names_check"
      CHECK (length("tenant") BETWEEN 1 AND 256 AND length("subject") BETWEEN 1 AND 256 AND length("display_name") <= 256)
  )`;

const INDEXES = [
  // Also for finding the mappings of a subject in all resources.
  `CREATE UNIQUE INDEX "mapping_application_identity"
     ON "mapping" ("tenant", "subject", "resource") WHERE "status" <> 'deleted'`,
  // Includes tombstones: a deleted identity is never mapped again.
  `CREATE UNIQUE INDEX "mapping_communication_user_id" ON "mapping" ("communication_user_id")`,
  `CREATE INDEX "mapping_tombstones"
     ON "mapping" ("tenant", "subject", "id") WHERE "status" = 'deleted'`,
  `CREATE INDEX "mapping_list" ON "mapping" ("tenant", "id") WHERE "status" <> 'deleted'`,
  `CREATE INDEX "mapping_list_by_kind"
     ON "mapping" ("tenant", "kind", "id") WHERE "status" <> 'deleted'`,
  `CREATE INDEX "mapping_list_by_status" ON "mapping" ("tenant", "status", "id")`,
  `CREATE INDEX "mapping_list_by_kind_and_status" ON "mapping" ("tenant", "kind", "status", "id")`,
  `CREATE INDEX "mapping_owed"
     ON "mapping" ("lease_expires_at") WHERE "lease_expires_at" IS NOT NULL`,
];

const ORPHANS = `
  CREATE TABLE "mapping_orphan" (
    "communication_user_id" text NOT NULL,
    "mapping_id" uuid NOT NULL,
    "lease_holder" uuid,
    "lease_expires_at" timestamptz,
    "created_at" timestamptz NOT NULL DEFAULT now(),
    "deleted_at" timestamptz,
    CONSTRAINT "mapping_orphan_pkey" PRIMARY KEY ("communication_user_id"),
    CONSTRAINT "mapping_orphan_mapping_fkey" FOREIGN KEY ("mapping_id") REFERENCES "mapping" ("id"),
    CONSTRAINT "mapping_orphan_owed_check"
      CHECK (("deleted_at" IS NULL) = ("lease_expires_at" IS NOT NULL))
  )`;

const ORPHAN_INDEXES = [
  `CREATE INDEX "mapping_orphan_owed"
     ON "mapping_orphan" ("lease_expires_at") WHERE "lease_expires_at" IS NOT NULL`,
  `CREATE INDEX "mapping_orphan_mapping" ON "mapping_orphan" ("mapping_id")`,
];
