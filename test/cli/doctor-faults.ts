import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { statfsSync } from 'node:fs';
import fs, { writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import tls from 'node:tls';
import { vi } from 'vitest';
import type { FindingCode } from '../../apps/cli/src/doctor/findings.js';
import type { Emulator, FaultRequest, PersonName } from '../../apps/emulator/src/index.js';
import { FULL_DISK } from '../support/full-disk.js';
import { TEST_CLUSTER, type TestDatabase } from '#libs/platform/testing';
import { Cosigner, NoteSigner, signCheckpoint } from '#libs/transparency-log';

/** What a fault is prepared with. */
export interface Rig {
  readonly emulator: Emulator;
  readonly database: TestDatabase;
  readonly folder: string;
  /** Certificates without the emulator's CA. */
  readonly standardCertificates: string[];
  /** Seed of the key in the secret `LOG_KEY_SECRET`. */
  readonly logKeySeed: Buffer;
  readonly rows: (sql: string) => Promise<{ name: string }[]>;
  /** Runs after the case. */
  readonly undo: (work: () => Promise<void>) => void;
}

export const LOG_KEY_SECRET = 'doctor-log-key';
const ORIGIN = 'localhost/acs-identity';

interface Prepared {
  readonly environment?: Record<string, string>;
  readonly tokenFile?: string;
  /** Added to the time of the doctor. */
  readonly clockOffsetMs?: number;
  readonly timeoutMs?: number;
}

export interface PreparedFault {
  readonly code: FindingCode;
  readonly fault: string;
  readonly prepare: (rig: Rig) => Promise<Prepared> | Prepared;
  /** What the line of the finding names. */
  readonly names: RegExp;
  readonly fix: RegExp;
  /** Further findings that the same fault causes. */
  readonly also?: readonly FindingCode[];
}

function environment(change: Record<string, string>): () => Prepared {
  return () => ({ environment: change });
}

/** A log of one entry, with its checkpoint file. @param at SQL: the time of the entry */
async function logWithHead(
  rig: Rig,
  { origin, at }: { readonly origin: string; readonly at: string },
): Promise<Prepared> {
  const signer = new NoteSigner(origin, rig.logKeySeed);
  const root = Buffer.alloc(32);
  const note = signCheckpoint({ origin, size: 1, root }, [signer]);
  const hash = `decode('${root.toString('hex')}', 'hex')`;
  await rig.rows(
    `INSERT INTO audit_signing_keys VALUES (0, '{${signer.verifier.toString()}}');
     INSERT INTO audit_head (size, from_size, root, recorded_at, leaf_hashes, checkpoint)
     VALUES (1, 0, ${hash}, ${at}, ${hash}, '${note}')`,
  );
  rig.undo(async () => {
    await rig.rows(
      `SET session_replication_role = replica; DELETE FROM audit_head;
       DELETE FROM audit_signing_keys; RESET session_replication_role`,
    );
  });
  const AUDIT_CHECKPOINT_FILE = await fileOf(rig, note);
  return { environment: { AUDIT_CHECKPOINT_FILE, AUDIT_SIGNING_KEY_SECRET: LOG_KEY_SECRET } };
}

/** The address of the database, changed. */
function address(change: (url: URL) => void): (rig: Rig) => Prepared {
  return ({ database }) => {
    const url = new URL(database.serviceUrl);
    change(url);
    return { environment: { DATABASE_URL: url.href } };
  };
}

function emulatorFault(fault: FaultRequest): (rig: Rig) => Promise<Prepared> {
  return async ({ emulator, undo }) => {
    await emulator.control.addFault(fault);
    undo(async () => emulator.control.removeFaults());
    return {};
  };
}

/** One sink, `siem`. @param options in YAML */
function sink(options: (rig: Rig) => string): (rig: Rig) => Promise<Prepared> {
  return async (rig) => {
    const content = `version: 1\nsinks:\n  - { name: siem, ${options(rig)} }\n`;
    const AUDIT_SINKS_FILE = await fileOf(rig, content);
    return { environment: { AUDIT_SINKS_FILE, SIEM_TOKEN: 'a token' } };
  };
}

/** A sink of Splunk at an address. */
function splunk(url: string): (rig: Rig) => Promise<Prepared> {
  return sink(() => `type: splunk, url: '${url}', token: { environment: SIEM_TOKEN }`);
}

/** A secret of its own, which the variable names. */
function secret(
  variable: string,
  content: (rig: Rig) => {
    readonly value: string;
    readonly enabled?: boolean;
    readonly expiresAt?: string;
  },
  more: (rig: Rig) => Promise<Record<string, string>> = async () => Promise.resolve({}),
): (rig: Rig) => Promise<Prepared> {
  return async (rig) => {
    const name = `doctor-${randomUUID()}`;
    await rig.emulator.control.setSecret({ name, ...content(rig) });
    return { environment: { [variable]: name, ...(await more(rig)) } };
  };
}

async function fileOf(rig: Rig, content: string): Promise<string> {
  const path = join(rig.folder, randomUUID());
  await writeFile(path, content);
  return path;
}

/** The console, where people sign in with the emulator. */
function consoleProvider(
  change: (rig: Rig) => { readonly authority?: string; readonly scopes?: readonly string[] },
): (rig: Rig) => Promise<Prepared> {
  return async (rig) => {
    const { apiAudience, entraUrl } = rig.emulator;
    const provider = {
      ...{ name: 'Contoso', authority: `${entraUrl}/common/v2.0`, clientId: 'console' },
      scopes: [`api://${apiAudience}/AuditLog.Read.All`],
      ...change(rig),
    };
    const CONSOLE_PROVIDERS_FILE = await fileOf(rig, JSON.stringify([provider]));
    return { environment: { CONSOLE_ENABLED: 'true', CONSOLE_PROVIDERS_FILE } };
  };
}

/** Runs a statement, and another one after the case. */
function sql(statement: string, undone: string): (rig: Rig) => Promise<Prepared> {
  return async ({ rows, undo }) => {
    await rows(statement);
    undo(async () => void (await rows(undone)));
    return {};
  };
}

/** A checkpoint of a log with five entries, which the database does not have. */
function checkpoint(seedOf: (rig: Rig) => Buffer): (rig: Rig) => Promise<Prepared> {
  return async (rig) => {
    const signer = new NoteSigner(ORIGIN, seedOf(rig));
    const note = signCheckpoint({ origin: ORIGIN, size: 5, root: randomBytes(32) }, [signer]);
    const AUDIT_CHECKPOINT_FILE = await fileOf(rig, note);
    return { environment: { AUDIT_CHECKPOINT_FILE, AUDIT_SIGNING_KEY_SECRET: LOG_KEY_SECRET } };
  };
}

function token(
  who: PersonName,
  claims: Record<string, unknown> = {},
  change: (rig: Rig) => Promise<Record<string, string>> = async () => Promise.resolve({}),
): (rig: Rig) => Promise<Prepared> {
  return async (rig) => ({
    tokenFile: await fileOf(rig, await rig.emulator.control.mintToken({ person: who, claims })),
    environment: await change(rig),
  });
}

/** A policy of one rule. @param when its condition @param reuse whether it lets tokens be reused */
function policy(when: string, reuse = false): string {
  return `version: 1
scopes: { chat: {} }
rules:
  - name: only
    when: ${when}
    allow:
      scopes: [chat]
      defaultScopes: [chat]
      lifetimeMinutes: { shortest: 60, longest: 60, default: 60 }
      reuse: ${reuse}
`;
}

const DAY_MS = 86_400_000;
/** Of another ACS resource. */
const OTHER_ID = '11111111-2222-4333-8444-555555555555';
const { serviceRole } = TEST_CLUSTER;

/** A fault for each finding that an installation can have. */
export const PREPARED_FAULTS: readonly PreparedFault[] = [
  {
    code: 'variable-missing',
    fault: 'a required variable is not set',
    prepare: environment({ KEY_VAULT_URL: '' }),
    names: /KEY_VAULT_URL.*is not set/,
    fix: /https address of the Azure Key Vault/,
  },
  {
    code: 'variable-invalid',
    fault: 'a variable has an impossible value',
    prepare: environment({ PORT: 'eighty' }),
    names: /PORT.*whole number/,
    fix: /port/i,
  },
  {
    code: 'variable-misspelled',
    fault: 'a variable is misspelled',
    prepare: environment({ LOG_LEVLE: 'info' }),
    names: /LOG_LEVLE/,
    fix: /use LOG_LEVEL/,
  },
  {
    code: 'policy-invalid',
    fault: 'the policy file has no rules',
    prepare: async (rig) => ({
      environment: { POLICY_FILE: await fileOf(rig, 'version: 1\nscopes: {}\n') },
    }),
    names: /POLICY_FILE.*rules/,
    fix: /acs-identity policy check/,
  },
  {
    code: 'log-origin-with-scheme',
    fault: 'the origin of the log has a scheme',
    prepare: environment({
      AUDIT_LOG_ORIGIN: 'https://localhost/audit',
      AUDIT_CHECKPOINT_FILE: '',
    }),
    names: /AUDIT_LOG_ORIGIN.*scheme/,
    fix: /leave out the scheme/,
  },
  {
    code: 'log-origin-unfit',
    fault: 'the origin of the log has quotes',
    prepare: environment({ AUDIT_LOG_ORIGIN: '"localhost/audit"', AUDIT_CHECKPOINT_FILE: '' }),
    names: /AUDIT_LOG_ORIGIN.*quotes/,
    fix: /correct it for a new log/,
  },
  {
    code: 'protection-off',
    fault: 'the background verification is off',
    prepare: environment({ AUDIT_VERIFICATION_SECONDS: '0' }),
    names: /AUDIT_VERIFICATION_SECONDS/,
    fix: /leave it out/,
  },
  {
    code: 'variable-invalid',
    fault: 'no TLS server is verified',
    prepare: environment({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }),
    names: /NODE_TLS_REJECT_UNAUTHORIZED.*must not be 0/,
    fix: /NODE_EXTRA_CA_CERTS/,
  },
  {
    code: 'home-tenant-not-accepted',
    fault: 'the home tenant is none whose tokens are accepted',
    prepare: environment({ AUDIT_HOME_TENANT: OTHER_ID }),
    names: /AUDIT_HOME_TENANT.*nobody can read the whole log/,
    fix: /ENTRA_TENANT_ID/,
  },
  {
    code: 'client-address-header-unused',
    fault: 'no proxy is trusted to write the header of the address',
    prepare: environment({ CLIENT_ADDRESS_HEADER: 'x-real-ip' }),
    names: /CLIENT_ADDRESS_HEADER.*no effect without TRUSTED_PROXIES/,
    fix: /TRUSTED_PROXIES/,
  },
  {
    code: 'secret-shared',
    fault: 'the fingerprint key is the key that signs the log',
    prepare: environment({ AUDIT_FINGERPRINT_KEY_SECRET: 'Audit-Signing-Key' }),
    names: /AUDIT_FINGERPRINT_KEY_SECRET\): names the secret .* of AUDIT_SIGNING_KEY_SECRET/,
    fix: /of its own/,
  },
  {
    code: 'secret-shared',
    fault: 'the log key was rotated to itself',
    prepare: environment({ AUDIT_SIGNING_KEY_SECRET: 'audit-signing-key,AUDIT-signing-key' }),
    names: /AUDIT_SIGNING_KEY_SECRET\): names the secret .* twice/,
    fix: /new key/,
  },
  {
    code: 'secret-shared',
    fault: 'the key of events, which stands in an address, is the credential of ACS',
    prepare: environment({
      KEY_VAULT_EVENTS: 'key',
      KEY_VAULT_EVENTS_KEY_SECRET: 'acs-connection-string',
    }),
    names: /KEY_VAULT_EVENTS_KEY_SECRET\): names the secret .* of an ACS resource/,
    fix: /of its own/,
  },
  {
    code: 'host-not-local',
    fault: 'the address to listen on is of another machine',
    prepare: environment({ HOST: '192.0.2.1' }),
    names: /\(192\.0\.2\.1\): .*EADDRNOTAVAIL/,
    fix: /0\.0\.0\.0/,
  },
  {
    code: 'host-not-local',
    fault: 'the name to listen on has no address',
    prepare: environment({ HOST: 'identity.invalid' }),
    names: /\(identity\.invalid\): .*(ENOTFOUND|EAI_AGAIN)/,
    fix: /HOST/,
  },
  {
    code: 'variable-invalid',
    fault: 'the file of the password is a named pipe, at which nothing waits',
    prepare: ({ folder }) => {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      return { environment: { DATABASE_PASSWORD_FILE: pipe } };
    },
    names: /DATABASE_PASSWORD_FILE.*can not be read \(a named pipe\)/,
    fix: /file with the password/,
  },
  {
    code: 'variable-invalid',
    fault: 'the file of the password is empty',
    prepare: async (rig) => ({ environment: { DATABASE_PASSWORD_FILE: await fileOf(rig, '\n') } }),
    names: /DATABASE_PASSWORD_FILE.*the file is empty/,
    fix: /file with the password/,
  },
  {
    code: 'secret-missing',
    fault: 'the secret of the password does not exist',
    prepare: environment({ DATABASE_PASSWORD_SECRET: 'no-such-password' }),
    names: /no-such-password/,
    fix: /create the secret/,
  },
  {
    code: 'database-connections-exhausted',
    fault: 'the role of the service may open no further connection',
    prepare: async (rig) => {
      const role = `doctor_${randomBytes(4).toString('hex')}`;
      await sql(
        `CREATE ROLE ${role} LOGIN PASSWORD 'test' CONNECTION LIMIT 0`,
        `DROP ROLE ${role}`,
      )(rig);
      return address((url) => {
        url.username = role;
        url.password = 'test';
      })(rig);
    },
    names: /53300/,
    fix: /DATABASE_POOL_SIZE/,
  },
  {
    code: 'checkpoint-file-not-writable',
    fault: 'the folder of the checkpoint file does not exist',
    prepare: environment({ AUDIT_CHECKPOINT_FILE: '/nowhere/at/all/checkpoint' }),
    names: /AUDIT_CHECKPOINT_FILE.*ENOENT/,
    fix: /folder that this user may write/,
  },
  {
    code: 'checkpoint-file-not-writable',
    fault: 'the disk of the checkpoint file is full',
    prepare: ({ folder, undo }) => {
      const full = Object.assign(statfsSync(folder), { bavail: 0 });
      const spy = vi.spyOn(fs, 'statfs').mockResolvedValue(full);
      syncBuiltinESMExports();
      undo(async () => {
        spy.mockRestore();
        syncBuiltinESMExports();
        return Promise.resolve();
      });
      return { environment: { AUDIT_CHECKPOINT_FILE: join(folder, 'checkpoint') } };
    },
    names: /AUDIT_CHECKPOINT_FILE.*ENOSPC/,
    fix: /free space/,
  },
  {
    code: 'checkpoint-file-unreadable',
    fault: 'the path of the checkpoint file is that of a folder',
    prepare: ({ folder }) => ({ environment: { AUDIT_CHECKPOINT_FILE: folder } }),
    names: /AUDIT_CHECKPOINT_FILE.*can not be read \(EISDIR\)/,
    fix: /chown/,
  },
  {
    code: 'database-unusable',
    fault: 'nothing listens at the port of the database',
    prepare: address((url) => (url.port = '1')),
    names: /refuses the connection \(ECONNREFUSED\)/,
    fix: /check the address/,
  },
  {
    code: 'database-login-refused',
    fault: 'the password of the role is wrong',
    prepare: address((url) => (url.password = 'wrong')),
    names: /password is refused \(28P01\)/,
    fix: /user and password/,
  },
  {
    code: 'database-missing',
    fault: 'the database does not exist',
    prepare: address((url) => (url.pathname = '/nowhere')),
    names: /does not exist \(3D000\)/,
    fix: /create the database/,
  },
  {
    code: 'database-tls-failed',
    fault: 'the server offers no TLS',
    prepare: address((url) => (url.search = '?sslmode=require')),
    names: /offers no TLS/,
    fix: /sslrootcert/,
  },
  {
    code: 'database-not-encrypted',
    fault: 'the connection to another host is plain text',
    // Linux connects it to this machine; it is no loopback address.
    prepare: address((url) => (url.hostname = '0.0.0.0')),
    names: /0\.0\.0\.0.*plain text/,
    fix: /sslmode=verify-full/,
  },
  {
    code: 'database-read-only',
    fault: 'the database takes no writes',
    prepare: sql(
      `ALTER ROLE ${serviceRole} IN DATABASE %database SET default_transaction_read_only = on`,
      `ALTER ROLE ${serviceRole} IN DATABASE %database RESET default_transaction_read_only`,
    ),
    names: /takes no writes/,
    fix: /connect to the primary/,
  },
  {
    code: 'database-encoding',
    fault: 'the encoding of the database is not UTF8',
    prepare: async ({ database, rows, undo }) => {
      const name = `${database.name}_latin`;
      await rows(`CREATE DATABASE ${name} ENCODING 'WIN1252' LOCALE 'C' TEMPLATE template0`);
      undo(async () => void (await rows(`DROP DATABASE ${name} WITH (FORCE)`)));
      const url = new URL(database.serviceUrl);
      url.pathname = `/${name}`;
      return { environment: { DATABASE_URL: url.href } };
    },
    names: /its encoding is WIN1252/,
    fix: /ENCODING 'UTF8'/,
  },
  {
    code: 'database-not-writable',
    fault: 'the disk of the database is full',
    prepare: sql(FULL_DISK.begin, FULL_DISK.end),
    names: /its disk is full \(53100\)/,
    fix: /make room/,
  },
  {
    code: 'schema-behind',
    fault: 'a migration has not run',
    prepare: async ({ rows, undo }) => {
      const newest = '(SELECT max(id) FROM schema_migration)';
      const row = await rows(
        `DELETE FROM schema_migration WHERE id = ${newest} RETURNING name, timestamp`,
      );
      // The columns of RETURNING.
      const { name, timestamp } = row[0] as unknown as { name: string; timestamp: string };
      undo(async () => {
        await rows(
          `INSERT INTO schema_migration (timestamp, name) VALUES (${timestamp}, '${name}')`,
        );
      });
      return {};
    },
    names: /missing: \w+\d{13}/,
    fix: /run acs-identity migrate/,
  },
  {
    code: 'role-privilege-missing',
    fault: 'the role may not read a table',
    prepare: sql(
      `REVOKE SELECT ON mapping FROM ${serviceRole}`,
      `GRANT SELECT ON mapping TO ${serviceRole}`,
    ),
    names: /SELECT on mapping/,
    fix: /acs-identity migrate/,
  },
  {
    code: 'role-expires',
    fault: 'the password of the role ends in three days',
    prepare: sql(
      `DO $$ BEGIN EXECUTE format('ALTER ROLE identity_service VALID UNTIL %L', now() + interval '3 days'); END $$`,
      `ALTER ROLE identity_service VALID UNTIL 'infinity'`,
    ),
    names: /its password ends: 20/,
    fix: /ALTER ROLE/,
  },
  {
    code: 'role-too-powerful',
    fault: 'the service works as a superuser',
    prepare: ({ database }) => ({ environment: { DATABASE_URL: database.superuserUrl } }),
    names: /superuser/,
    fix: /use the role/,
  },
  {
    code: 'log-damaged',
    fault: 'the database was rolled back to before the checkpoint',
    prepare: checkpoint(({ logKeySeed }) => logKeySeed),
    names: /shorter than before/,
    fix: /acs-identity audit verify/,
  },
  {
    code: 'log-origin-differs',
    fault: 'the log has another name, as its checkpoint file says',
    prepare: async (rig) => logWithHead(rig, { origin: 'localhost/restored', at: 'now()' }),
    names: /\(localhost\/acs-identity\): the log has the name localhost\/restored/,
    fix: /set AUDIT_LOG_ORIGIN to the name of the log/,
  },
  {
    code: 'log-ahead',
    fault: 'the clock of the database was set back by ten days',
    prepare: async (rig) => logWithHead(rig, { origin: ORIGIN, at: `now() + interval '10 days'` }),
    names: /\(localhost\/acs-identity\): the newest entry is ahead of the database’s clock/,
    fix: /restore the database to before/,
  },
  {
    code: 'verification-finding',
    fault: 'the background checks have found an edited entry',
    prepare: sql(
      `INSERT INTO audit_verification (part, findings)
       VALUES ('log', '[{"place": "0", "kind": "entry-differs", "detail": "entry 8 differs"}]')`,
      `DELETE FROM audit_verification`,
    ),
    names: /\(log\): findings: 1; the first: entry 8 differs/,
    fix: /audit health/,
  },
  {
    code: 'checkpoint-file-foreign',
    fault: 'the checkpoint file is of another log',
    prepare: checkpoint(() => randomBytes(32)),
    names: /not one of this log/,
    fix: /AUDIT_CHECKPOINT_FILE/,
  },
  {
    code: 'clock-off',
    fault: 'the clock of the machine is two minutes ahead',
    prepare: () => ({ clockOffsetMs: 120_000 }),
    names: /the database.*1(19|20)\.\d s ahead/,
    fix: /synchronise the clock/,
  },
  {
    code: 'endpoint-unreachable',
    fault: 'nothing listens at the address of the vault',
    prepare: environment({ KEY_VAULT_URL: 'https://127.0.0.1:1' }),
    names: /127\.0\.0\.1:1\).*ECONNREFUSED/,
    fix: /firewall/,
  },
  {
    code: 'endpoint-unreachable',
    fault: 'nothing listens at the address of a sink',
    prepare: splunk('https://127.0.0.1:2'),
    names: /127\.0\.0\.1:2\).*ECONNREFUSED/,
    fix: /firewall/,
  },
  {
    code: 'endpoint-unreachable',
    fault: 'nothing listens at the address of a witness',
    prepare: async ({ folder }) => {
      const { verifier } = new Cosigner('witness.test', randomBytes(32));
      const path = join(folder, 'witnesses');
      await writeFile(path, `witness one ${verifier.toString()} https://127.0.0.1:3\nquorum one\n`);
      return { environment: { AUDIT_WITNESS_POLICY_FILE: path } };
    },
    names: /127\.0\.0\.1:3\).*ECONNREFUSED/,
    fix: /firewall/,
  },
  {
    code: 'endpoint-unreachable',
    fault: 'nothing listens at the address of the telemetry collector',
    prepare: environment({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://127.0.0.1:4' }),
    names: /127\.0\.0\.1:4\).*ECONNREFUSED/,
    fix: /firewall/,
  },
  {
    code: 'endpoint-unreachable',
    fault: 'nothing listens at the address of a telemetry collector without TLS',
    prepare: environment({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.invalid:4318' }),
    names: /collector\.invalid:4318\).*(ENOTFOUND|EAI_AGAIN)/,
    fix: /name server/,
  },
  {
    code: 'telemetry-endpoint-wrong',
    fault: 'the base address of the collector has the path of a signal',
    prepare: ({ emulator }) => ({
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `${emulator.controlUrl}/v1/traces` },
    }),
    names: /OTEL_EXPORTER_OTLP_ENDPOINT.*ends with \/v1\/traces/,
    fix: /leave out \/v1\/traces/,
  },
  {
    code: 'telemetry-sampling-wrong',
    fault: 'the share of traced requests is set without its sampler',
    prepare: ({ emulator }) => ({
      environment: {
        OTEL_EXPORTER_OTLP_ENDPOINT: emulator.controlUrl,
        OTEL_TRACES_SAMPLER_ARG: '0.1',
      },
    }),
    names: /OTEL_TRACES_SAMPLER_ARG.*no effect with the sampler parentbased_always_on/,
    fix: /OTEL_TRACES_SAMPLER=parentbased_traceidratio/,
  },
  {
    code: 'telemetry-setting-unusable',
    fault: 'the platform has set the protocol of its own collector',
    prepare: ({ emulator }) => ({
      environment: {
        OTEL_EXPORTER_OTLP_ENDPOINT: emulator.controlUrl,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      },
    }),
    names: /OTEL_EXPORTER_OTLP_PROTOCOL.*gRPC is not supported, so that no telemetry is sent/,
    fix: /OTEL_SDK_DISABLED=true/,
  },
  {
    code: 'sink-failing',
    fault: 'a sink has refused its entries',
    prepare: async (rig) => {
      await rig.rows(
        `INSERT INTO audit_sink (name, next_index, failure, failure_detail, failing_since)
         VALUES ('siem', 0, 'refused', 'status 403', now())`,
      );
      rig.undo(async () => void (await rig.rows(`DELETE FROM audit_sink`)));
      return splunk(rig.emulator.acsUrl)(rig);
    },
    names: /\(siem\): refused since .*: status 403/,
    fix: /audit sinks test/,
  },
  {
    code: 'sink-failing',
    fault: 'Key Vault lacks the secret of a sink',
    prepare: sink(
      ({ emulator }) => `type: splunk, url: '${emulator.acsUrl}', token: { secret: not-there }`,
    ),
    names: /\(siem\): refused: .*secret-missing not-there/,
    fix: /audit sinks test/,
  },
  {
    code: 'sink-failing',
    fault: 'the host of a syslog sink has no address',
    prepare: sink(() => 'type: syslog, host: collector.invalid'),
    names: /\(siem\): unavailable: .*(ENOTFOUND|EAI_AGAIN)/,
    fix: /audit sinks test/,
  },
  {
    code: 'sink-failing',
    fault: 'the signing secret of a webhook is malformed',
    prepare: sink(
      ({ emulator }) =>
        `type: webhook, url: '${emulator.acsUrl}', signingSecrets: [{ environment: SIEM_TOKEN }]`,
    ),
    names: /\(siem\): refused: the signing secret is not base64/,
    fix: /audit sinks test/,
  },
  {
    code: 'proxy-unusable',
    fault: 'the proxy does not run',
    prepare: environment({
      KEY_VAULT_URL: 'https://vault.test',
      KEY_VAULT_VERIFY_CHALLENGE_RESOURCE: 'true',
      HTTPS_PROXY: 'http://127.0.0.1:1',
    }),
    names: /vault\.test.*ECONNREFUSED/,
    fix: /HTTPS_PROXY/,
  },
  {
    code: 'authorities-file-unusable',
    fault: 'the file of authorities has a private key',
    prepare: async (rig) => ({
      environment: {
        NODE_EXTRA_CA_CERTS: await fileOf(
          rig,
          '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
        ),
      },
    }),
    names: /NODE_EXTRA_CA_CERTS.*no certificate in PEM/,
    fix: /PEM file/,
  },
  {
    code: 'authorities-file-unusable',
    fault: 'the file of authorities does not exist',
    prepare: environment({ NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem' }),
    names: /can't be read \(ENOENT\)/,
    fix: /may read/,
  },
  {
    code: 'certificate-untrusted',
    fault: 'the CA of the servers is not trusted',
    prepare: ({ emulator, standardCertificates, undo }) => {
      tls.setDefaultCACertificates(standardCertificates);
      undo(async () => {
        tls.setDefaultCACertificates([...standardCertificates, emulator.caPem]);
        return Promise.resolve();
      });
      return {};
    },
    names: /UNABLE_TO_|SELF_SIGNED|CERT/,
    fix: /NODE_EXTRA_CA_CERTS/,
  },
  {
    code: 'certificate-expires',
    fault: 'the certificates are about to expire',
    prepare: () => ({ clockOffsetMs: 360 * DAY_MS }),
    names: /it expires/,
    fix: /renew the certificate/,
    also: ['clock-off'],
  },
  {
    code: 'key-vault-unavailable',
    fault: 'Key Vault fails',
    prepare: emulatorFault({
      ...{ service: 'key-vault', operation: 'get-secret', kind: 'status', status: 500 },
    }),
    names: /500/,
    fix: /KEY_VAULT_URL/,
  },
  {
    code: 'azure-sign-in-failed',
    fault: 'the secret of the process’s identity is wrong',
    prepare: ({ undo }) => {
      const right = process.env.AZURE_CLIENT_SECRET ?? '';
      vi.stubEnv('AZURE_CLIENT_SECRET', 'wrong');
      undo(async () => {
        vi.stubEnv('AZURE_CLIENT_SECRET', right);
        return Promise.resolve();
      });
      return {};
    },
    names: /Authentication/,
    fix: /AZURE_CLIENT_ID/,
  },
  {
    code: 'secret-access-refused',
    fault: 'the identity of the process has no role on the vault',
    prepare: emulatorFault({
      ...{ service: 'key-vault', operation: 'get-secret', kind: 'status', status: 403 },
    }),
    names: /refuses it/,
    fix: /Key Vault Secrets User/,
  },
  {
    code: 'secret-missing',
    fault: 'a secret does not exist',
    prepare: environment({ ACS_CREDENTIAL_SECRET: 'nothing-here' }),
    names: /nothing-here/,
    fix: /create the secret/,
  },
  {
    code: 'secret-unusable',
    fault: 'a secret is disabled',
    prepare: secret('AUDIT_FINGERPRINT_KEY_SECRET', () => ({
      ...{ value: 'x'.repeat(32), enabled: false },
    })),
    names: /disabled/,
    fix: /new version/,
  },
  {
    code: 'secret-unusable',
    fault: 'the key of the invitations is a word',
    prepare: secret('VISITOR_KEY_SECRET', () => ({ value: 'swordfish' })),
    names: /too short/,
    fix: /openssl rand/,
  },
  {
    code: 'secret-missing',
    fault: 'the key of the events of the vault does not exist',
    prepare: environment({ KEY_VAULT_EVENTS: 'key' }),
    names: /key-vault-events-key/,
    fix: /create the secret/,
  },
  {
    code: 'console-provider-unusable',
    fault: 'the authority of the console has no such tenant',
    prepare: consoleProvider(({ emulator }) => ({ authority: `${emulator.entraUrl}/nobody` })),
    names: /nobody.*openid-configuration/,
    fix: /CONSOLE_PROVIDERS_FILE/,
  },
  {
    code: 'console-provider-unusable',
    fault: 'the console requests scopes of another API',
    prepare: consoleProvider(() => ({ scopes: ['api://another/AuditLog.Read.All'] })),
    names: /Contoso.*api:\/\/another.*ENTRA_AUDIENCE/,
    fix: /CONSOLE_PROVIDERS_FILE/,
  },
  {
    code: 'secret-expires',
    fault: 'a secret expires in three days',
    prepare: secret('AUDIT_FINGERPRINT_KEY_SECRET', () => ({
      value: 'x'.repeat(32),
      expiresAt: new Date(Date.now() + 3 * DAY_MS).toISOString(),
    })),
    names: /expires at 20/,
    fix: /new version/,
  },
  {
    code: 'log-key-malformed',
    fault: 'the key of the log is no Ed25519 key',
    prepare: secret('AUDIT_SIGNING_KEY_SECRET', () => ({ value: 'not a key' })),
    names: /Ed25519/,
    fix: /openssl genpkey -algorithm ed25519/,
  },
  {
    code: 'fingerprint-key-weak',
    fault: 'the key of the fingerprints is a word',
    prepare: secret('AUDIT_FINGERPRINT_KEY_SECRET', () => ({ value: 'swordfish' })),
    names: /32 characters/,
    fix: /openssl rand/,
  },
  {
    code: 'fingerprint-key-mistaken',
    fault: 'the key of the fingerprints is a PEM',
    prepare: secret('AUDIT_FINGERPRINT_KEY_SECRET', () => ({
      value:
        '-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n',
    })),
    names: /PEM/,
    fix: /AUDIT_FINGERPRINT_KEY_SECRET/,
  },
  {
    code: 'data-key-malformed',
    fault: 'the key of stored tokens is too short',
    prepare: secret(
      'TOKEN_CACHE_KEY_SECRET',
      () => ({ value: 'c2hvcnQ=' }),
      async (rig) => ({ POLICY_FILE: await fileOf(rig, policy('anyone', true)) }),
    ),
    names: /32 bytes/,
    fix: /openssl rand/,
  },
  {
    code: 'acs-credential-malformed',
    fault: 'the connection string is of another resource',
    prepare: secret('ACS_CREDENTIAL_SECRET', ({ emulator }) => ({
      value: emulator.acsResources[1]?.connectionString ?? '',
    })),
    names: /connection string is for/,
    fix: /az communication list-key/,
  },
  {
    code: 'acs-credential-refused',
    fault: 'the access key was replaced at ACS',
    prepare: secret('ACS_CREDENTIAL_SECRET', () => ({
      value: randomBytes(48).toString('base64'),
    })),
    names: /401/,
    fix: /current connection string/,
  },
  {
    code: 'acs-resource-mismatch',
    fault: 'ACS has given an identity of another resource than the configured one',
    prepare: async (rig) => {
      const detail = `answered for the resource ${rig.emulator.acsResourceId}; ACS_RESOURCE_ID is ${OTHER_ID}`;
      const prepare = sql(
        `INSERT INTO audit_entry (entry_index, recorded_at, id, action, outcome, reason_code, reason_detail, actor_kind, leaf)
         VALUES (0, now(), gen_random_uuid(), 'identity.outcome-unknown', 'unknown', 'acs-resource-mismatch', '${detail}', 'user', '')`,
        `SET session_replication_role = replica; DELETE FROM audit_entry; RESET session_replication_role`,
      );
      await prepare(rig);
      return { environment: { ACS_RESOURCE_ID: OTHER_ID } };
    },
    names: /\(default\): .*ACS_RESOURCE_ID is 11111111-/,
    fix: /correct ACS_RESOURCE_ID/,
  },
  {
    code: 'acs-resource-mismatch',
    fault: 'the id of the resource was changed after its first identity',
    prepare: async (rig) => {
      const prepare = sql(
        `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
         VALUES (gen_random_uuid(), 'default', 't', 's', 'user', 'active',
           '8:acs:${rig.emulator.acsResourceId}_${OTHER_ID}')`,
        `SET session_replication_role = replica; DELETE FROM mapping; RESET session_replication_role`,
      );
      await prepare(rig);
      return { environment: { ACS_RESOURCE_ID: OTHER_ID } };
    },
    names: /\(default\): its identities are of the resource .*, not of 11111111-/,
    fix: /correct ACS_RESOURCE_ID/,
  },
  {
    code: 'acs-resource-not-configured',
    fault: 'the resource of the identities has another name in the configuration',
    prepare: async (rig) => {
      const prepare = sql(
        `INSERT INTO mapping (id, resource, tenant, subject, kind, status, communication_user_id)
         VALUES (gen_random_uuid(), 'old', 't', 's', 'user', 'active', '8:acs:x')`,
        `SET session_replication_role = replica; DELETE FROM mapping; RESET session_replication_role`,
      );
      return prepare(rig);
    },
    names: /\(old\): identities: 1/,
    fix: /ACS_RESOURCES_FILE/,
  },
  {
    code: 'acs-unavailable',
    fault: 'ACS fails',
    prepare: emulatorFault({ service: 'acs', operation: '*', kind: 'status', status: 503 }),
    names: /503/,
    fix: /ACS_ENDPOINT/,
  },
  {
    code: 'identity-provider-unusable',
    fault: 'the issuer publishes no keys',
    prepare: ({ emulator }) => ({ environment: { ENTRA_AUTHORITY: emulator.acsUrl } }),
    names: /openid-configuration.*answered 404/,
    fix: /ENTRA_TENANT_ID/,
  },
  {
    code: 'token-file-unreadable',
    fault: 'the file of the token does not exist',
    prepare: () => ({ tokenFile: '/nowhere/token' }),
    names: /ENOENT/,
    fix: /name a file/,
  },
  {
    code: 'token-refused',
    fault: 'the token is for another application',
    prepare: token('alice', { aud: randomUUID() }),
    names: /audience: expected/,
    fix: /token for this service/,
  },
  {
    code: 'token-lacks-claims',
    fault: 'the permission needs an authentication context',
    prepare: token('alice', {}, async () =>
      Promise.resolve({ ENTRA_REQUIRED_AUTHENTICATION_CONTEXT: 'c1' }),
    ),
    names: /acrs/,
    fix: /ENTRA_REQUIRED_AUTHENTICATION_CONTEXT/,
  },
  {
    code: 'token-without-permission',
    fault: 'the token has no scope of the service',
    prepare: token('mallory'),
    names: /scp/,
    fix: /delegated scope/,
  },
  {
    code: 'token-refused-by-policy',
    fault: 'no rule of the policy is for the caller',
    prepare: token('alice', {}, async (rig) => ({
      POLICY_FILE: await fileOf(rig, policy('{ kind: [service] }')),
    })),
    names: /no-rule-applies/,
    fix: /acs-identity policy test/,
  },
  {
    code: 'check-timed-out',
    fault: 'ACS never answers',
    prepare: async (rig) => ({
      ...(await emulatorFault({ service: 'acs', operation: 'issue', kind: 'hang' })(rig)),
      timeoutMs: 4_000,
    }),
    names: /acs resource default/,
    fix: /network/,
  },
];
