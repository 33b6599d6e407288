import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateSecretNotice1801000000000 implements MigrationInterface {
  readonly name = 'CreateSecretNotice1801000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE UNLOGGED TABLE "secret_notice" (
        "name" text NOT NULL,
        "version" text NOT NULL,
        "noticed_at" timestamptz NOT NULL,
        CONSTRAINT "secret_notice_pkey" PRIMARY KEY ("name")
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "secret_notice"`);
  }
}
