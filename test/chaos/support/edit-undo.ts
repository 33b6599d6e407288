import type { DataSource, QueryRunner } from 'typeorm';

/** The columns of the primary key of each table whose rows can be put back. */
type Keys = Readonly<Record<string, readonly string[]>>;

interface Change {
  readonly relation: string;
  readonly before: object | null;
  readonly after: object | null;
}

/**
 * Puts rows back as they were before edits with `session_replication_role = replica`. What the service
 * changes, without it, stays.
 */
export class EditUndo {
  private constructor(private readonly keys: Keys) {}

  /** Adds triggers that only such edits fire. */
  static async install(dataSource: DataSource, keys: Keys): Promise<EditUndo> {
    await dataSource.query(`
      CREATE SCHEMA edits;
      CREATE TABLE edits.change (
        nth bigint GENERATED ALWAYS AS IDENTITY, relation text, before jsonb, after jsonb);
      CREATE FUNCTION edits.remember() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO edits.change (relation, before, after) VALUES (TG_ARGV[0],
          CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END,
          CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
        RETURN NULL;
      END $$`);
    for (const table of Object.keys(keys)) {
      await dataSource.query(`
        CREATE TRIGGER remember_edit AFTER INSERT OR UPDATE OR DELETE ON ${table}
          FOR EACH ROW EXECUTE FUNCTION edits.remember('${table}');
        ALTER TABLE ${table} ENABLE REPLICA TRIGGER remember_edit`);
    }
    return new EditUndo(keys);
  }

  /** Puts all edited rows back. */
  async undo(runner: QueryRunner): Promise<void> {
    const changes = (await runner.query(
      'SELECT relation, before, after FROM edits.change ORDER BY nth DESC',
    )) as Change[];
    await runner.query('SET LOCAL session_replication_role = replica');
    for (const { relation, before, after } of changes) {
      const row = `jsonb_populate_record(NULL::${relation}, $1)`;
      const key = (this.keys[relation] ?? []).map((name) => `t.${name} = r.${name}`).join(' AND ');
      if (after) {
        await runner.query(`DELETE FROM ${relation} t USING ${row} r WHERE ${key}`, [after]);
      }
      if (before) await runner.query(`INSERT INTO ${relation} SELECT * FROM ${row}`, [before]);
    }
    await runner.query('TRUNCATE edits.change');
  }
}
