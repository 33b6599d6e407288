import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Mass revocations. Each has a number, larger than those before. A mapping states up to which number its
 * tokens are revoked, so that one row stops the issuance of tokens for any number of mappings.
 */
export class AddMassRevocation1799100000000 implements MigrationInterface {
  readonly name = 'AddMassRevocation1799100000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...TABLES, COLUMNS, ...TRIGGERS]) await runner.query(statement);
    await runner.query('DROP TRIGGER mapping_token_generation ON mapping');
    await runner.query(generationTrigger('OR NEW.revoked_through > OLD.revoked_through'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER mapping_token_generation ON mapping');
    await runner.query('DROP TRIGGER mapping_revoked_through ON mapping');
    await runner.query('ALTER TABLE mapping DROP COLUMN revoked_through, DROP COLUMN tokens_since');
    await runner.query(generationTrigger(''));
    await runner.query('DROP TABLE revocation_target');
    await runner.query('DROP TABLE revocation');
  }
}

const TABLES = [
  // What identifies the mappings: each condition that is not NULL. None: all of them.
  `CREATE TABLE revocation (
     id uuid NOT NULL,
     number integer NOT NULL,
     tenant text,
     client_app text,
     kind text,
     resource text,
     issued_before timestamptz,
     reason text NOT NULL,
     started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
     identities integer,
     finished_at timestamptz,
     worked_at timestamptz,
     lease_holder uuid,
     lease_expires_at timestamptz,
     CONSTRAINT revocation_pkey PRIMARY KEY (id),
     CONSTRAINT revocation_number UNIQUE (number),
     CONSTRAINT revocation_kind_check CHECK (kind IN ('user', 'service', 'bot'))
   )`,
  `CREATE INDEX revocation_open ON revocation (number) WHERE finished_at IS NULL`,
  // The mappings of which a client application got tokens, as the log says it.
  `CREATE TABLE revocation_target (
     revocation_id uuid NOT NULL,
     mapping_id uuid NOT NULL,
     CONSTRAINT revocation_target_pkey PRIMARY KEY (revocation_id, mapping_id)
   )`,
];

/** `tokens_since`: when all earlier tokens were revoked; NULL: the mapping is as old as its tokens. */
const COLUMNS = `
  ALTER TABLE mapping ADD COLUMN revoked_through integer NOT NULL DEFAULT 0,
    ADD COLUMN tokens_since timestamptz`;

const IDENTITY =
  'id, number, tenant, client_app, kind, resource, issued_before, reason, started_at';

const TRIGGERS = [
  `CREATE TRIGGER revocation_permanent BEFORE DELETE OR TRUNCATE ON revocation
   FOR EACH STATEMENT EXECUTE FUNCTION mapping_refuse_change()`,
  `CREATE TRIGGER revocation_identity AFTER UPDATE ON revocation FOR EACH ROW
   WHEN (${IDENTITY.split(', ')
     .map((name) => `OLD.${name} IS DISTINCT FROM NEW.${name}`)
     .join(' OR ')}
     OR OLD.finished_at IS NOT NULL AND OLD.finished_at IS DISTINCT FROM NEW.finished_at)
   EXECUTE FUNCTION mapping_refuse_change()`,
  `CREATE TRIGGER mapping_revoked_through AFTER UPDATE OF revoked_through ON mapping FOR EACH ROW
   WHEN (NEW.revoked_through < OLD.revoked_through) EXECUTE FUNCTION mapping_refuse_change()`,
];

/** A new generation comes with a revocation to do, or with one that ACS has confirmed for a mass revocation. */
function generationTrigger(orConfirmed: string): string {
  return `
    CREATE TRIGGER mapping_token_generation
    AFTER UPDATE OF status, token_generation, is_revoking ON mapping FOR EACH ROW
    WHEN (NOT CASE NEW.token_generation - OLD.token_generation
      WHEN 1 THEN (NEW.is_revoking OR NEW.status = 'deleting' ${orConfirmed})
        AND (NEW.status = OLD.status OR NEW.status <> 'active')
      WHEN 0 THEN (NEW.status = OLD.status OR NEW.status NOT IN ('suspended', 'deleting'))
        AND (NEW.is_revoking = OLD.is_revoking OR OLD.is_revoking AND NEW.status = OLD.status)
      ELSE false
    END)
    EXECUTE FUNCTION mapping_refuse_change()`;
}
