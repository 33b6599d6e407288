/** SQL of a superuser: in this database nothing more can be stored, as on a full disk; and the end of that. */
export const FULL_DISK = {
  begin: `CREATE FUNCTION full_disk() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    REVOKE EXECUTE ON FUNCTION full_disk() FROM PUBLIC;
    CREATE EVENT TRIGGER full_disk ON ddl_command_start EXECUTE FUNCTION full_disk()`,
  end: 'DROP EVENT TRIGGER full_disk; DROP FUNCTION full_disk()',
};
