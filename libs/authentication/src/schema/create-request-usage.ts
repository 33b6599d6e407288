import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateRequestUsage1796000000000 implements MigrationInterface {
  readonly name = 'CreateRequestUsage1796000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE UNLOGGED TABLE "request_usage" (
        "minute" integer NOT NULL,
        "key" bytea NOT NULL,
        "used" integer NOT NULL,
        CONSTRAINT "request_usage_pkey" PRIMARY KEY ("minute", "key")
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "request_usage"`);
  }
}
