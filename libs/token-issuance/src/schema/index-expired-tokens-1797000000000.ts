import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Indexes for the deletion of rows that are no longer used, so that its cost is that of the rows deleted. */
export class IndexExpiredTokens1797000000000 implements MigrationInterface {
  readonly name = 'IndexExpiredTokens1797000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX "token_cache_policy_version" ON "token_cache" ("policy_version")`,
    );
    // The newest token is the last element; an empty array sorts first.
    await runner.query(`
      CREATE INDEX "token_quota_newest" ON "token_quota"
        ((coalesce("issued_at"[cardinality("issued_at")], '-infinity'::timestamptz)))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX "token_quota_newest"`);
    await runner.query(`DROP INDEX "token_cache_policy_version"`);
  }
}
