import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateMapping1795000000000 implements MigrationInterface {
  readonly name = 'CreateMapping1795000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
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
        "lease_holder" uuid,
        "lease_expires_at" timestamptz,
        "created_at" timestamptz NOT NULL DEFAULT now(),
        "updated_at" timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT "mapping_pkey" PRIMARY KEY ("id"),
        CONSTRAINT "mapping_kind_check" CHECK ("kind" IN ('user', 'service', 'bot')),
        CONSTRAINT "mapping_status_check"
          CHECK ("status" IN ('pending', 'active', 'suspended', 'deleting', 'deleted')),
        CONSTRAINT "mapping_communication_user_id_check"
          CHECK ("status" IN ('pending', 'deleted') OR "communication_user_id" IS NOT NULL)
      )`);
    await runner.query(`
      CREATE UNIQUE INDEX "mapping_application_identity"
        ON "mapping" ("resource", "tenant", "subject") WHERE "status" <> 'deleted'`);
    await runner.query(`
      CREATE UNIQUE INDEX "mapping_communication_user_id" ON "mapping" ("communication_user_id")`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "mapping"`);
  }
}
