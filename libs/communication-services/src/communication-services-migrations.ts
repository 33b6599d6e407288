import type { MigrationInterface, QueryRunner } from 'typeorm';

class RequestBudget1795460000000 implements MigrationInterface {
  readonly name = 'RequestBudget1795460000000';

  async up(runner: QueryRunner): Promise<void> {
    // Rows change often and stay few: room in the page lets a change stay there.
    await runner.query(`
      CREATE TABLE acs_request_budget (
        resource text NOT NULL,
        operation text NOT NULL,
        state jsonb,
        PRIMARY KEY (resource, operation)
      ) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0)
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE acs_request_budget');
  }
}

/** The tables of the request budget. */
export const communicationServicesMigrations: readonly (new () => MigrationInterface)[] = [
  RequestBudget1795460000000,
];

/** What the service's role may do with them. */
export const communicationServicesGrants: readonly {
  readonly table: string;
  readonly privileges: readonly ('SELECT' | 'INSERT' | 'UPDATE' | 'DELETE')[];
}[] = [{ table: 'acs_request_budget', privileges: ['SELECT', 'INSERT', 'UPDATE'] }];
