-- In the database postgres, as an Entra administrator of the server: the roles of both managed identities, and the
-- database. Safe to repeat, also by another administrator: the database belongs to the role that all of them have.
SELECT pgaadauth_create_principal(name, false, false)
FROM unnest(ARRAY[:'service', :'migration']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name);

SELECT 'CREATE DATABASE identity OWNER azure_pg_admin'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'identity') \gexec

REVOKE TEMPORARY ON DATABASE identity FROM PUBLIC;
