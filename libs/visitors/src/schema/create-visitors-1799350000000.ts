import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Invitations, and the visitors that they have let in. */
export class CreateVisitors1799350000000 implements MigrationInterface {
  readonly name = 'CreateVisitors1799350000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE invitation (
        id uuid NOT NULL,
        tenant text NOT NULL,
        -- SHA-256 of the invitation as the visitors have it
        hash bytea NOT NULL,
        key_version text NOT NULL,
        meeting text NOT NULL,
        scopes text[] NOT NULL,
        max_uses integer NOT NULL,
        uses integer NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        ended_at timestamptz,
        CONSTRAINT invitation_pkey PRIMARY KEY (id),
        CONSTRAINT invitation_hash_check CHECK (length(hash) = 32),
        CONSTRAINT invitation_uses_check CHECK (uses BETWEEN 0 AND max_uses)
      )`);
    await runner.query(`
      CREATE INDEX invitation_expiry ON invitation (expires_at, key_version)`);
    await runner.query(`
      CREATE TABLE visitor (
        -- the subject of the visitor's application identity
        id uuid NOT NULL,
        invitation_id uuid NOT NULL,
        status text NOT NULL DEFAULT 'reserved',
        created_at timestamptz NOT NULL DEFAULT now(),
        -- when the identity is to be deleted; of a reserved one, when its use is returned; NULL: no more to do
        due_at timestamptz,
        CONSTRAINT visitor_pkey PRIMARY KEY (id),
        CONSTRAINT visitor_invitation_fkey FOREIGN KEY (invitation_id) REFERENCES invitation (id),
        CONSTRAINT visitor_status_check CHECK (status IN ('reserved', 'admitted', 'released')),
        CONSTRAINT visitor_reserved_check CHECK (status <> 'reserved' OR due_at IS NOT NULL)
      )`);
    await runner.query(`
      CREATE INDEX visitor_due ON visitor (due_at) WHERE due_at IS NOT NULL`);
    await runner.query(`
      CREATE INDEX visitor_of_invitation ON visitor (invitation_id)`);
    await runner.query(`
      CREATE INDEX visitor_done ON visitor (created_at) WHERE due_at IS NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE visitor');
    await runner.query('DROP TABLE invitation');
  }
}
