import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tables that replicas share their windows and reservations in. */
export class RequestBudget1795460000000 implements MigrationInterface {
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
    // Who was told to come back: a hash of the person, its turn, and when in ms of the epoch.
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
