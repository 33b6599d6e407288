/** A complete environment with unreachable upstreams: enough to create the api, not to serve requests. */
export const placeholderEnvironment: Readonly<Record<string, string>> = {
  LOG_LEVEL: 'silent',
  DATABASE_URL: 'postgres://service:none@127.0.0.1:1/identity',
  ENTRA_TENANT_ID: '00000000-0000-4000-8000-000000000001',
  ENTRA_AUDIENCE: '00000000-0000-4000-8000-000000000002',
  ENTRA_AUTHORITY: 'https://127.0.0.1:1',
  KEY_VAULT_URL: 'https://127.0.0.1:1',
  ACS_ENDPOINT: 'https://127.0.0.1:1',
  ACS_RESOURCE_ID: '00000000-0000-4000-8000-000000000003',
  ACS_CREDENTIAL_SECRET: 'none',
  AUDIT_LOG_ORIGIN: 'example.com/audit',
  VISITOR_KEY_SECRET: 'invitation-key',
};
