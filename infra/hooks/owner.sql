-- In the database identity, as its owner: the migration may create tables, and grant their schema to the service.
GRANT CREATE ON DATABASE identity TO :"migration";
GRANT CREATE, USAGE ON SCHEMA public TO :"migration" WITH GRANT OPTION;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
