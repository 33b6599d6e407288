import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Creates the tables of the windows and the reservations that replicas share. */
export class RequestBudget1795460000000 implements MigrationInterface {
  readonly name = 'RequestBudget1795460000000';

  async up(runner: QueryRunner): Promise<void> {
    // Few rows, updated often: free space in the page allows heap-only-tuple updates.
    await runner.query(`
      CREATE TABLE acs_request_budget (
        resource text NOT NULL,
        operation text NOT NULL,
        state jsonb,
        PRIMARY KEY (resource, operation)
      ) WITH (fillfactor = 20, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0)
    `);
    // Reservations: a hash of the requester, its tag in the fair queue, and when it is due, in ms of the epoch.
    await runner.query(`
      CREATE TABLE acs_budget_appointment (
        resource text NOT NULL,
        operation text NOT NULL,
        person text NOT NULL,
        turn double precision NOT NULL,
        due_at double precision NOT NULL,
        PRIMARY KEY (resource, operation, person)
      )
    `);
    await runner.query(
      'CREATE INDEX acs_budget_appointment_due ON acs_budget_appointment (resource, operation, due_at)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE acs_budget_appointment');
    await runner.query('DROP TABLE acs_request_budget');
  }
}
