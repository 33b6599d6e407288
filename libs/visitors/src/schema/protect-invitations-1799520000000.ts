import type { MigrationInterface, QueryRunner } from 'typeorm';

const RETENTION = `interval '30 days'`;

/** Changes of invitations and visitors that the service never makes. */
const TRIGGERS = [
  {
    table: 'invitation',
    name: 'invitation_ended',
    event: 'UPDATE OF ended_at',
    refused: 'OLD.ended_at IS NOT NULL AND OLD.ended_at IS DISTINCT FROM NEW.ended_at',
  },
  {
    table: 'invitation',
    name: 'invitation_kept',
    event: 'DELETE',
    refused: `OLD.expires_at >= now() - ${RETENTION}`,
  },
  {
    table: 'visitor',
    name: 'visitor_status',
    event: 'UPDATE OF status',
    refused: `OLD.status <> 'reserved' AND OLD.status <> NEW.status`,
  },
  {
    // Without its row, the identity of a visitor stays at ACS.
    table: 'visitor',
    name: 'visitor_kept',
    event: 'DELETE',
    refused: `OLD.due_at IS NOT NULL OR OLD.created_at >= now() - ${RETENTION}`,
  },
] as const;

/** An invitation that has ended lets nobody in again, and neither it nor its visitors are forgotten too early. */
export class ProtectInvitations1799520000000 implements MigrationInterface {
  readonly name = 'ProtectInvitations1799520000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { table, name, event, refused } of TRIGGERS) {
      await runner.query(
        `CREATE TRIGGER ${name} AFTER ${event} ON ${table} FOR EACH ROW
         WHEN (${refused}) EXECUTE FUNCTION mapping_refuse_change()`,
      );
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const { table, name } of TRIGGERS) await runner.query(`DROP TRIGGER ${name} ON ${table}`);
  }
}
