interface FindingKind {
  readonly meaning: string;
  readonly fix: string;
}

/** Everything that `doctor` can find, by its code. The codes are public and never change. */
export const FINDINGS = {
  'variable-missing': {
    meaning: 'A required environment variable is not set.',
    fix: 'set it: acs-identity config list describes it',
  },
  'variable-invalid': {
    meaning: 'An environment variable has a value that the service does not start with.',
    fix: 'correct it: acs-identity config list describes it',
  },
  'variable-misspelled': {
    meaning: 'The name of an environment variable is nearly that of a setting.',
    fix: 'use the name of the setting, or remove the variable',
  },
  'policy-invalid': {
    meaning: 'The issuance policy can not be read or has faults.',
    fix: 'correct the file: acs-identity policy check lists its faults',
  },
  'protection-off': {
    meaning: 'A setting switches a protection off that an installation should have.',
    fix: 'leave the setting out',
  },
  'log-origin-unfit': {
    meaning:
      'The origin of the audit log has quotes, invisible or other characters that no host name and path have.',
    fix: 'correct it for a new log; one that has entries keeps its origin',
  },
  'log-origin-with-scheme': {
    meaning: 'The origin of the audit log has a scheme, which the names of logs do not have.',
    fix: 'leave out the scheme for a new log; one that has entries keeps its origin',
  },
  'home-tenant-not-accepted': {
    meaning: 'No token of the home tenant is accepted, so that nobody can read the whole log.',
    fix: 'name ENTRA_TENANT_ID, one of ENTRA_ALLOWED_TENANT_IDS, or the tenant of a trusted issuer or provider',
  },
  'client-address-header-unused': {
    meaning: 'The header with the address of the client is trusted from no proxy.',
    fix: 'set TRUSTED_PROXIES to the addresses of the proxies that write the header',
  },
  'secret-shared': {
    meaning: 'Two settings name one secret, of which at least one needs another content.',
    fix: 'name a secret of its own for each',
  },
  'checkpoint-file-not-writable': {
    meaning: 'The checkpoint file can not be replaced, so that a rollback is not noticed.',
    fix: 'name a file in a folder that this user may write and that is mounted as a folder, on a volume with free space that outlives the process',
  },
  'checkpoint-file-unreadable': {
    meaning:
      'The checkpoint file can not be read, so that the service is not ready and records nothing.',
    fix: 'give the file to the user that the api runs as (chown), or name another file in AUDIT_CHECKPOINT_FILE',
  },
  'database-unusable': {
    meaning: 'PostgreSQL can not be reached, or accepts no connection.',
    fix: 'check the address, the network and the server; the reason is in the finding',
  },
  'database-login-refused': {
    meaning: 'PostgreSQL refuses the login of the service’s role.',
    fix: 'correct the user and password in DATABASE_URL, the file of DATABASE_PASSWORD_FILE, or the role of DATABASE_AUTH=entra',
  },
  'database-connections-exhausted': {
    meaning: 'PostgreSQL has no free connection for the service’s role.',
    fix: 'raise the CONNECTION LIMIT of the role or max_connections, or lower DATABASE_POOL_SIZE or the number of replicas',
  },
  'database-missing': {
    meaning: 'The server has no database of this name.',
    fix: 'create the database, or correct its name in DATABASE_URL; then run acs-identity migrate',
  },
  'database-tls-failed': {
    meaning: 'A TLS connection to PostgreSQL can not be made, or its certificate is not trusted.',
    fix: 'set sslrootcert in DATABASE_URL to the file of the server’s CA, and renew an expired certificate',
  },
  'database-not-encrypted': {
    meaning: 'The connection to PostgreSQL on another machine is, or may be, plain text.',
    fix: 'add sslmode=verify-full to DATABASE_URL, and sslrootcert with the file of its CA',
  },
  'database-read-only': {
    meaning: 'The database takes no writes: a standby, or default_transaction_read_only.',
    fix: 'connect to the primary: name all hosts in DATABASE_URL, or switch default_transaction_read_only off',
  },
  'database-encoding': {
    meaning: 'The database has another encoding than UTF8: not every name can be stored in it.',
    fix: "restore a dump into a new database: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
  },
  'database-parameter': {
    meaning:
      'Behind a pooler, sessions have parameters that the SQL of the service can not work with.',
    fix: 'ALTER ROLE … RESET and ALTER DATABASE … RESET the named parameters, then RECONNECT at the pooler',
  },
  'database-not-writable': {
    meaning: 'The database answers, and can not write: mostly its disk is full.',
    fix: 'make room on the disk of the database; the reason is in the finding',
  },
  'pooler-mode': {
    meaning: 'The pooler in front of the database gives no transactions.',
    fix: 'set pool_mode = transaction in PgBouncer',
  },
  'schema-behind': {
    meaning: 'The database lacks migrations of this release.',
    fix: 'run acs-identity migrate with DATABASE_OWNER_URL',
  },
  'role-privilege-missing': {
    meaning: 'The service’s role lacks a privilege that the release needs.',
    fix: 'run acs-identity migrate with DATABASE_OWNER_URL and DATABASE_SERVICE_ROLE, which grants it',
  },
  'role-expires': {
    meaning: 'PostgreSQL takes the password of the service’s role for less than 30 days.',
    fix: 'ALTER ROLE … VALID UNTIL a later day, together with a new password',
  },
  'role-too-powerful': {
    meaning:
      'The service’s role can do more than the service needs, such as changing the audit log.',
    fix: 'use the role that acs-identity migrate prepared, or revoke what it can do beyond it',
  },
  'log-damaged': {
    meaning: 'The database does not continue the checkpoint: it was rolled back, cut or replaced.',
    fix: 'stop the service and run acs-identity audit verify; docs/restoring.md describes a restore',
  },
  'log-origin-differs': {
    meaning: 'The log in the database has another name than AUDIT_LOG_ORIGIN.',
    fix: 'set AUDIT_LOG_ORIGIN to the name of the log, for this process and every other one; to continue the log under a new name, set AUDIT_LOG_PREVIOUS_ORIGIN as well (docs/restoring.md)',
  },
  'verification-finding': {
    meaning: 'The background checks of the service have found what was changed in the database.',
    fix: 'run acs-identity audit health, which lists all of it, and acs-identity audit verify; docs/restoring.md describes a restore',
  },
  'log-ahead': {
    meaning:
      'The newest entry of the log is ahead of the database’s clock, which was set back, by more than AUDIT_CLOCK_TOLERANCE_MS.',
    fix: 'see that the clock of the database is right, then wait until its time has passed, or restore the database to before (docs/operations.md)',
  },
  'checkpoint-file-foreign': {
    meaning: 'The checkpoint file has no checkpoint that this log has signed.',
    fix: 'name the file of this log in AUDIT_CHECKPOINT_FILE; keep the other one as evidence',
  },
  'sink-failing': {
    meaning: 'A sink of the audit log does not take its entries, or could not.',
    fix: 'the finding has the reason; acs-identity audit sinks test <name> tries the sink after a change',
  },
  'clock-off': {
    meaning:
      'The clock of this machine differs from another one by more than AUDIT_CLOCK_TOLERANCE_MS.',
    fix: 'synchronise the clock of this machine (NTP, chrony)',
  },
  'endpoint-unreachable': {
    meaning: 'A server that the service calls can not be reached.',
    fix: 'check its address in the configuration, the name server, the firewall and private endpoints',
  },
  'host-not-local': {
    meaning: 'The api can not listen on the address of HOST: this machine does not have it.',
    fix: 'set HOST to an address of this machine, or to 0.0.0.0',
  },
  'proxy-unusable': {
    meaning: 'The proxy gives no connection to a server that the service calls.',
    fix: 'check HTTPS_PROXY, what the proxy allows, and NO_PROXY',
  },
  'authorities-file-unusable': {
    meaning: 'The file of NODE_EXTRA_CA_CERTS has no certificate authority that can be trusted.',
    fix: 'name a PEM file with the certificate of the CA, which this user may read',
  },
  'certificate-untrusted': {
    meaning:
      'The certificate of a server that the service calls is not trusted, or of another name.',
    fix: 'add its CA to the file of NODE_EXTRA_CA_CERTS, or correct the address',
  },
  'certificate-expires': {
    meaning: 'A certificate has expired, or will within 14 days.',
    fix: 'renew the certificate of that server',
  },
  'telemetry-endpoint-wrong': {
    meaning: 'The address of the telemetry collector is not one that takes OTLP over HTTP.',
    fix: 'name the base address for OTLP over HTTP, such as http://collector:4318',
  },
  'telemetry-sampling-wrong': {
    meaning: 'Another share of the requests is traced than the settings seem to say.',
    fix: 'set OTEL_TRACES_SAMPLER=parentbased_traceidratio together with OTEL_TRACES_SAMPLER_ARG',
  },
  'telemetry-setting-unusable': {
    meaning:
      'No telemetry is sent, because a variable of OpenTelemetry has a value that the service can not use.',
    fix: 'correct or remove the variable, or set OTEL_SDK_DISABLED=true',
  },
  'key-vault-unavailable': {
    meaning: 'Key Vault answers, but gives no secret.',
    fix: 'check KEY_VAULT_URL and the state of the vault in the Azure portal; repeat later if it throttles',
  },
  'azure-sign-in-failed': {
    meaning: 'Entra issues no token to this process.',
    fix: 'check AZURE_CREDENTIAL, AZURE_CLIENT_ID and the managed identity or secret that it names',
  },
  'secret-access-refused': {
    meaning: 'Key Vault does not let this process read a secret.',
    fix: 'grant the process’s identity the role Key Vault Secrets User on the vault',
  },
  'secret-missing': {
    meaning: 'Key Vault has no secret of this name.',
    fix: 'create the secret (docs/operations.md has its content), or correct the setting that names it',
  },
  'secret-unusable': {
    meaning:
      'The newest version of a secret is disabled, expired, not valid yet, empty, or a key of fewer than 32 characters.',
    fix: 'store a new version of the secret (of a key: the output of openssl rand -base64 32), or enable it',
  },
  'secret-expires': {
    meaning: 'A secret expires within 30 days.',
    fix: 'store a new version of the secret before that day; the service takes it without a restart',
  },
  'log-key-malformed': {
    meaning: 'A secret of AUDIT_SIGNING_KEY_SECRET is no Ed25519 private key.',
    fix: 'store the key that signed before; for a new log make one with openssl genpkey -algorithm ed25519',
  },
  'fingerprint-key-weak': {
    meaning: 'The key of the fingerprints of tokens is shorter than 32 characters.',
    fix: 'store a new version with the output of openssl rand -base64 32',
  },
  'fingerprint-key-mistaken': {
    meaning: 'The key of the fingerprints of tokens is a secret of another kind.',
    fix: 'name the right secret in AUDIT_FINGERPRINT_KEY_SECRET, or store a new version with the output of openssl rand -base64 32',
  },
  'data-key-malformed': {
    meaning: 'The secret of TOKEN_CACHE_KEY_SECRET is not 32 bytes in base64.',
    fix: 'store a new version with the output of openssl rand -base64 32',
  },
  'acs-credential-malformed': {
    meaning: 'The stored ACS credential is no access key or connection string of the resource.',
    fix: 'store the connection string of the resource (az communication list-key), or correct ACS_ENDPOINT',
  },
  'acs-credential-refused': {
    meaning: 'ACS does not accept the access key or the identity of this process.',
    fix: 'store the current connection string in Key Vault, or grant the identity the role Communication and Email Service Owner',
  },
  'acs-resource-mismatch': {
    meaning: 'The configured id of an ACS resource is that of another one.',
    fix: 'correct ACS_RESOURCE_ID, or resourceId in ACS_RESOURCES_FILE: az communication show has it as immutableResourceId',
  },
  'acs-resource-not-configured': {
    meaning:
      'Identities or Teams Phone assignments are of an ACS resource that is not configured: their people get 409.',
    fix: 'add the resource to ACS_RESOURCES_FILE under this name; a single resource without the file is called default',
  },
  'acs-unavailable': {
    meaning: 'ACS gives no usable answer.',
    fix: 'check ACS_ENDPOINT, and the state of the service at status.azure.com',
  },
  'identity-provider-unusable': {
    meaning:
      'The signing keys of an issuer can not be loaded, so that its tokens are refused with 503.',
    fix: 'check ENTRA_AUTHORITY and ENTRA_TENANT_ID, or the entry of TRUSTED_ISSUERS',
  },
  'console-provider-unusable': {
    meaning:
      'Nobody can sign in to the console with a provider, or the service refuses its tokens.',
    fix: 'correct authority and scopes of the provider in CONSOLE_PROVIDERS_FILE (docs/console.md)',
  },
  'token-file-unreadable': {
    meaning: 'The file of --token-file can not be read.',
    fix: 'name a file that this user may read',
  },
  'token-refused': {
    meaning: 'The service would refuse the token with 401.',
    fix: 'get a token for this service; what was expected is in the finding',
  },
  'token-lacks-claims': {
    meaning: 'The service would ask for a stronger sign-in (a claims challenge).',
    fix: 'get a token with the authentication context of ENTRA_REQUIRED_AUTHENTICATION_CONTEXT',
  },
  'token-without-permission': {
    meaning: 'The token is valid, but grants no permission of this service.',
    fix: 'request the delegated scope, and assign the app role of the same name where a permission ends in .All',
  },
  'token-refused-by-policy': {
    meaning: 'The issuance policy refuses a token with default scopes and lifetime to this caller.',
    fix: 'change the rule, or the caller; acs-identity policy test shows what decides',
  },
  'check-timed-out': {
    meaning: 'A check had no result within --timeout-seconds.',
    fix: 'check the network to what the check names, or give it more time',
  },
  'check-failed': {
    meaning: 'A check ended with an error that doctor does not know.',
    fix: 'the finding has the error; report it if it is not yours',
  },
} as const satisfies Readonly<Record<string, FindingKind>>;

export type FindingCode = keyof typeof FINDINGS;

/** One thing that is wrong, and how it is mended. Has no secret and no token. */
export interface Finding {
  readonly code: FindingCode;
  /** What it is about: a variable, a secret, a host. */
  readonly subject: string;
  readonly detail: string;
  readonly fix: string;
}

/** @param fix default: that of the code */
export function finding(
  code: FindingCode,
  subject: string,
  detail: string,
  fix: string = FINDINGS[code].fix,
): Finding {
  return { code, subject, detail: oneLine(detail), fix: oneLine(fix) };
}

const MAX_CHARACTERS = 400;

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_CHARACTERS);
}
