import type { MigrationInterface, QueryRunner } from 'typeorm';

const BEFORE = `'user', 'service', 'bot'`;

/** Identities of visitors, which nobody signs in as. */
export class AddVisitorKind1799340000000 implements MigrationInterface {
  readonly name = 'AddVisitorKind1799340000000';

  async up(runner: QueryRunner): Promise<void> {
    await allowKinds(runner, `${BEFORE}, 'visitor'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await allowKinds(runner, BEFORE);
  }
}

async function allowKinds(runner: QueryRunner, kinds: string): Promise<void> {
  for (const table of ['mapping', 'revocation']) {
    const constraint = `${table}_kind_check`;
    await runner.query(
      `ALTER TABLE ${table} DROP CONSTRAINT ${constraint},
         ADD CONSTRAINT ${constraint} CHECK (kind IN (${kinds}))`,
    );
  }
}
