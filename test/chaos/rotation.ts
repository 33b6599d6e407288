import { setTimeout as delay } from 'node:timers/promises';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StateFolder } from '../../apps/emulator/src/state-folder.js';
import { serverIdentity } from '../../apps/emulator/src/tls/local-ca.js';
import { UNLIMITED_ACS } from '../support/first-calls.js';
import { Service } from '../support/service.js';
import { startTestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { finishCampaign, startCampaign } from './support/campaign.js';
import { checkLog, fetchLogKeys } from './support/log-checker.js';
import { sendRequest } from './support/request.js';
import { SteadyLoad } from './support/steady-load.js';

/** Without a burst, so that connections which only bursts need rest for longer than two seconds. */
const REST_MS = 2_500;
const PEOPLE = 40;
const MAX_POLLED_MS = 60_000;
const MAX_NOTICED_MS = 2_000;
const EVENTS_KEY = randomBytes(32).toString('hex');
const ROLE = 'rotating_service';

const { count, prng } = startCampaign({
  name: 'rotation',
  description: `Replaces each secret of two replicas with default settings while people request tokens: the key of
ACS, of the log, of fingerprints and of stored tokens, the password of the database, the signing keys of Entra,
and the authority that signs certificates of HTTPS servers; found by polling and by an event; also wrong ones, two at once, and while Key Vault is down. Checks
that every request is answered with a token, that both replicas use the new version within ${MAX_POLLED_MS / 1_000} s
(after an event within ${MAX_NOTICED_MS / 1_000} s), and that the log verifies.`,
  count: { of: 'requests for each rotation', byDefault: 5_000 },
});

const directory = await mkdtemp(join(tmpdir(), 'acs-identity-rotation-'));
const passwordFile = join(directory, 'password');
const policyFile = join(directory, 'policy.yaml');
const authoritiesFile = join(directory, 'authorities.pem');
await writeFile(passwordFile, 'first');
await writeFile(
  policyFile,
  `
version: 1
scopes: { voip: {}, chat: {} }
rules:
  - name: reuse
    when: anyone
    allow:
      scopes: [voip, chat]
      defaultScopes: [voip]
      lifetimeMinutes: { shortest: 60, default: 240, longest: 1440 }
      reuse: true
`,
);
const cluster = await startTestCluster();
await cluster.execute(`CREATE ROLE ${ROLE} LOGIN IN ROLE identity_service PASSWORD 'first'`);
const service = await Service.start({
  cluster,
  replicas: 0,
  emulator: {
    acs: { limits: 'off', signingKeyBits: 1024 },
    secrets: { 'key-vault-events-key': EVENTS_KEY, 'token-cache-key': newKey() },
  },
});
const { control } = service.emulator;
await writeFile(authoritiesFile, service.emulator.caPem);
const failures: string[] = [];
let passed = 0;
try {
  for (let replica = 0; replica < 2; replica += 1) await startReplica();
  const load = new SteadyLoad(
    service.apis.map(({ url }) => url),
    await people(),
    prng,
  );
  await until('every secret is in use', 60_000, async () => (await inUse()).every(isComplete));
  load.failures.length = 0;

  const stored = async (name: string, value: string): Promise<void> => {
    const version = await control.setSecret({ name, value });
    await within(MAX_POLLED_MS, name, version);
  };
  await rotation(load, 'four secrets, found by polling', async () => {
    await Promise.all([
      stored('acs-connection-string', await regenerated('secondary')),
      stored('audit-signing-key', newSigningKey()),
      stored('audit-fingerprint-key', newKey()),
      stored('token-cache-key', newKey()),
    ]);
  });
  for (const [name, value] of [
    ['audit-signing-key', newSigningKey()],
    ['audit-fingerprint-key', newKey()],
    ['token-cache-key', newKey()],
  ] as const) {
    await rotation(load, `${name}, by an event`, async () => announced(name, value));
  }
  await rotation(load, 'the key of ACS, by an event', async () => {
    await announced('acs-connection-string', await regenerated('primary'));
  });
  await rotation(load, 'both keys of ACS, the old one dead before the new is seen', async () => {
    const value = await regenerated('secondary');
    const version = await control.setSecret({ name: 'acs-connection-string', value });
    await regenerated('primary');
    await within(MAX_NOTICED_MS, 'acs-connection-string', version);
  });
  await rotation(load, 'wrong secrets, which are not used', async () => {
    const wrong = `endpoint=${service.emulator.acsUrl}/;accesskey=${randomBytes(64).toString('base64')}`;
    for (const [name, value] of [
      ['acs-connection-string', wrong],
      ['audit-signing-key', 'no key'],
      ['token-cache-key', 'no key'],
    ] as const) {
      const version = await control.setSecret({ name, value });
      await notify(name, version);
      // Events about one secret that follow each other closely cost one reading; polling finds it then.
      await until(`both replicas reject ${name}`, MAX_POLLED_MS, async () =>
        (await metrics()).every((text) =>
          text.includes(`secret_version_rejected{secret="${name}"} 1`),
        ),
      );
    }
  });
  await rotation(load, 'mended secrets, while Key Vault is down at first', async () => {
    const value = await regenerated('primary');
    const fault = { service: 'key-vault', operation: '*', kind: 'status', status: 503 } as const;
    await control.addFault(fault);
    const version = await control.setSecret({ name: 'acs-connection-string', value });
    await notify('acs-connection-string', version);
    await control.removeFaults();
    await within(MAX_POLLED_MS, 'acs-connection-string', version);
    await announced('audit-signing-key', newSigningKey());
    await announced('token-cache-key', newKey());
  });
  await rotation(load, 'the password of the database, stored before and after', async () => {
    await writeFile(passwordFile, 'second');
    await newConnections(load);
    await cluster.execute(`ALTER ROLE ${ROLE} PASSWORD 'second'`);
    await newConnections(load);
    await cluster.execute(`ALTER ROLE ${ROLE} PASSWORD 'third'`);
    await writeFile(passwordFile, 'third');
    await newConnections(load);
  });
  await rotation(load, 'the certificate authority of HTTPS servers', async () => {
    const next = await serverIdentity(new StateFolder(join(directory, 'next')), []);
    await trust(service.emulator.caPem, next.caPem);
    service.emulator.setCertificate({ key: next.key, cert: next.certificate });
    await load.burst();
    await trust(next.caPem);
    await load.burst();
  });
  await rotation(load, 'signing keys of Entra', async () => {
    await control.rotateKeys();
    load.bearers = await people();
  });
  await load.stop();
  const [first] = service.apis;
  if (!first) throw new Error('no replica is running');
  const keys = await fetchLogKeys(service, first);
  console.log(`${keys.trim().split('\n').length} keys of the log are listed`);
  failures.push(...(await checkLog(service, { receipts: [], checkpoints: [], keys })));
} catch (error) {
  console.error(error); // to stop the service may fail as well, and hide it
  throw error;
} finally {
  await service.stop();
  await cluster.remove();
  await rm(directory, { recursive: true });
}
process.exit(finishCampaign(passed, failures));

/** Sends `count` requests at least, from before the rotation until after it. */
async function rotation(load: SteadyLoad, what: string, act: () => Promise<void>): Promise<void> {
  const [sentBefore, failedBefore, startedAt] = [
    load.sent,
    load.failures.length,
    performance.now(),
  ];
  try {
    await act();
  } catch (error) {
    failures.push(`${what}: ${String(error)}`);
  }
  const tookMs = Math.round(performance.now() - startedAt);
  await until(`${count} requests`, 600_000, () => load.sent - sentBefore >= count);
  const failed = load.failures.slice(failedBefore);
  console.log(
    `${what}: ${failed.length} failed of ${load.sent - sentBefore}, done in ${tookMs} ms`,
  );
  failures.push(...[...new Set(failed)].map((failure) => `${what}: ${failure}`));
  if (failed.length === 0) passed += 1;
}

/** A replica with the default settings, but with the limits of ACS that the emulator does not have. */
async function startReplica(): Promise<void> {
  const url = new URL(service.database.serviceUrl);
  [url.username, url.password] = [ROLE, ''];
  await service.addApi({
    ...UNLIMITED_ACS,
    ACS_TIMEOUT_MS: undefined,
    AUDIT_TIMEOUT_MS: undefined,
    DATABASE_TIMEOUT_MS: undefined,
    KEY_VAULT_TIMEOUT_MS: undefined,
    LOG_LEVEL: 'info',
    AUTHENTICATION_REQUESTS_PER_MINUTE: '1000000',
    DATABASE_URL: url.href,
    DATABASE_PASSWORD_FILE: passwordFile,
    NODE_EXTRA_CA_CERTS: authoritiesFile,
    KEY_VAULT_EVENTS: 'key',
    POLICY_FILE: policyFile,
  });
}

async function people(): Promise<string[]> {
  const mint = async (): Promise<string> =>
    control.mintToken({ person: 'alice', expiresInSeconds: 3_600, claims: { oid: randomUUID() } });
  return Promise.all(Array.from({ length: PEOPLE }, mint));
}

async function metrics(): Promise<string[]> {
  return Promise.all(
    service.apis.map(
      async ({ url }) => (await sendRequest(url, { method: 'GET', path: '/metrics' })).text,
    ),
  );
}

/** For each replica, the version of each secret. */
async function inUse(): Promise<Map<string, string>[]> {
  return (await metrics()).map(
    (text) =>
      new Map(
        [...text.matchAll(/^secret_version_in_use\{secret="([^"]+)",version="([^"]+)"\} 1$/gm)].map(
          ([, secret = '', version = '']) => [secret, version],
        ),
      ),
  );
}

function isComplete(versions: Map<string, string>): boolean {
  return versions.size >= 4;
}

/** Waits until both replicas use the version. */
async function within(ms: number, name: string, version: string): Promise<void> {
  const startedAt = performance.now();
  await until(`both replicas use ${name}`, 2 * MAX_POLLED_MS, async () =>
    (await inUse()).every((versions) => versions.get(name) === version),
  );
  const tookMs = Math.round(performance.now() - startedAt);
  console.log(`  ${name}: in use after ${tookMs} ms`);
  if (tookMs > ms) failures.push(`${name} was in use after ${tookMs} ms`);
}

/** Stores a new version and sends the event of it to one replica. */
async function announced(name: string, value: string): Promise<void> {
  const version = await control.setSecret({ name, value });
  await notify(name, version);
  await within(MAX_NOTICED_MS, name, version);
}

async function notify(name: string, version: string): Promise<void> {
  const data = { ObjectType: 'Secret', ObjectName: name, Version: version };
  const body = [{ eventType: 'Microsoft.KeyVault.SecretNewVersionCreated', data }];
  const path = `/v1/key-vault/events?key=${EVENTS_KEY}`;
  const { status, text } = await sendRequest(service.url, { method: 'POST', path, body });
  if (status !== 200) failures.push(`event of ${name}: ${status} ${text}`);
}

/** Makes the replicas sign in to PostgreSQL again: ends connections that rest, and sends a burst of requests. */
async function newConnections(load: SteadyLoad): Promise<void> {
  const [{ now } = { now: '' }] = await service.rows<{ now: string }>('SELECT now()::text');
  await until('connections that rest', 60_000, async () => {
    await delay(REST_MS);
    await service.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE usename = $1 AND state = 'idle' AND state_change < now() - interval '2 seconds'
         AND application_name <> 'acs-identity log'`,
      [ROLE],
    );
    await load.burst();
    const [row] = await service.rows<{ count: string }>(
      'SELECT count(*) FROM pg_stat_activity WHERE usename = $1 AND backend_start > $2::timestamptz',
      [ROLE, now],
    );
    return Number(row?.count) >= service.apis.length;
  });
}

/** Replaces the authorities that the replicas trust, and waits until both do. */
async function trust(...authorities: readonly string[]): Promise<void> {
  await writeFile(`${authoritiesFile}.new`, authorities.join('\n'));
  await rename(`${authoritiesFile}.new`, authoritiesFile);
  await until('both replicas trust the authorities', MAX_POLLED_MS, async () =>
    (await metrics()).every((text) =>
      text.includes(`\ntls_extra_authorities ${authorities.length}\n`),
    ),
  );
}

/** @returns the connection string with the new key */
async function regenerated(key: 'primary' | 'secondary'): Promise<string> {
  const { accessKey } = await control.regenerateAcsKey({ key });
  return `endpoint=${service.emulator.acsUrl}/;accesskey=${accessKey}`;
}

function newKey(): string {
  return randomBytes(32).toString('base64');
}

function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
