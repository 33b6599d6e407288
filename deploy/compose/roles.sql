-- Of docker-compose.yml: the two roles and the database of docs/operations.md.
CREATE ROLE identity_owner LOGIN PASSWORD 'local-owner';
CREATE ROLE identity_service LOGIN PASSWORD 'local-service';
CREATE DATABASE identity OWNER identity_owner;
