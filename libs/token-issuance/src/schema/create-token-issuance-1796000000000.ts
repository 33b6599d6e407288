import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTokenIssuance1796000000000 implements MigrationInterface {
  readonly name = 'CreateTokenIssuance1796000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE "token_cache" (
        "mapping_id" uuid NOT NULL,
        "variant" text NOT NULL,
        "token_generation" integer NOT NULL,
        "policy_version" text NOT NULL,
        "sealed" bytea NOT NULL,
        "wrapped_key" bytea NOT NULL,
        "key_version" text NOT NULL,
        "expires_on" timestamptz NOT NULL,
        "reusable_until" timestamptz NOT NULL,
        "fingerprint" text NOT NULL,
        "fingerprint_key" text NOT NULL,
        "secret_version" text,
        CONSTRAINT "token_cache_pkey" PRIMARY KEY ("mapping_id", "variant"),
        CONSTRAINT "token_cache_mapping_fkey"
          FOREIGN KEY ("mapping_id") REFERENCES "mapping" ("id") ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE INDEX "token_cache_reusable_until" ON "token_cache" ("reusable_until")`);
    // Cached tokens are deleted in the transaction that revokes the identity's tokens, for every writer.
    await runner.query(`
      CREATE FUNCTION "token_cache_forget"() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        DELETE FROM token_cache WHERE mapping_id = NEW.id;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER "token_cache_forget" AFTER UPDATE ON "mapping" FOR EACH ROW
        WHEN (NEW."token_generation" <> OLD."token_generation"
              OR (OLD."status" = 'active' AND NEW."status" <> 'active'))
        EXECUTE FUNCTION "token_cache_forget"()`);
    await runner.query(`
      CREATE TABLE "token_quota" (
        "identity" bytea NOT NULL,
        "issued_at" timestamptz[] NOT NULL,
        CONSTRAINT "token_quota_pkey" PRIMARY KEY ("identity")
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "token_quota"`);
    await runner.query(`DROP TRIGGER "token_cache_forget" ON "mapping"`);
    await runner.query(`DROP FUNCTION "token_cache_forget"()`);
    await runner.query(`DROP TABLE "token_cache"`);
  }
}
