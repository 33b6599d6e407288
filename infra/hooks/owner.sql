-- In the database identity, as an Entra administrator, who owns it through azure_pg_admin: the migration may create
-- tables, and grant their schema to the service.
GRANT CREATE ON DATABASE identity TO :"migration";
GRANT CREATE, USAGE ON SCHEMA public TO :"migration" WITH GRANT OPTION;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
