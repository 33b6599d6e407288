import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { Acs } from './acs/acs.js';
import { AcsTokens } from './acs/acs-tokens.js';
import { AcsIdentities } from './acs/identities.js';
import { AcsResource } from './acs/resource.js';
import {
  type AcsSettingsChange,
  acsSettingsChangeSchema,
  defaultAcsSettings,
} from './acs/settings.js';
import { Control } from './control/control.js';
import { ControlClient } from './control/control-client.js';
import { Entra } from './entra/entra.js';
import { SigningKeys } from './entra/signing-keys.js';
import { Faults } from './faults.js';
import { Journal, type ServiceName } from './journal.js';
import { KeyVault } from './key-vault/key-vault.js';
import { VaultSecrets } from './key-vault/secrets.js';
import { ManagedIdentity } from './managed-identity/managed-identity.js';
import { sampleResources, sampleTenants } from './sample-people.js';
import { ServiceServer, type ServiceServerOptions } from './service-server.js';
import { StateFolder } from './state-folder.js';
import { serverIdentity } from './tls/local-ca.js';

export { ControlClient } from './control/control-client.js';
export type { FaultRequest } from './faults.js';
export type { JournalEntry } from './journal.js';
export { sampleApps, samplePeople, sampleResources, sampleTenants } from './sample-people.js';

export interface EmulatorOptions {
  /** Where the CA lives, and with `persist` everything else; made when missing, owner-only. */
  readonly directory: string;
  /** Address that the TLS services listen on; default 127.0.0.1. */
  readonly host?: string;
  /** Must be true for any address that isn't loopback. */
  readonly allowRemote?: boolean;
  /** Host name that stands in URLs and the certificate; default `host`. */
  readonly publicHost?: string;
  /** Absent or 0: a free port. */
  readonly ports?: {
    readonly entra?: number;
    readonly acs?: number;
    readonly acsSecond?: number;
    readonly keyVault?: number;
    readonly managedIdentity?: number;
    readonly control?: number;
  };
  /** Keeps identities, secrets and keys between starts; default false. The CA is always kept. */
  readonly persist?: boolean;
  /** How ACS behaves from the start on; default as documented, without latency. */
  readonly acs?: AcsSettingsChange & {
    /** Size of the token signing key; 1024 spares CPU under load. Default 2048. */
    readonly signingKeyBits?: 1024 | 2048;
  };
  /** Secrets that the vault holds beside its own. */
  readonly secrets?: Readonly<Record<string, string>>;
}

export interface AcsResourceAddress {
  readonly name: string;
  readonly url: string;
  /** The immutable id: the first GUID of its identities' ids. */
  readonly resourceId: string;
  readonly accessKey: string;
  readonly connectionString: string;
  /** Name of the Key Vault secret that holds the connection string. */
  readonly secretName: string;
}

/** A running emulator. URLs have no trailing slash. */
export interface Emulator {
  readonly entraUrl: string;
  readonly acsUrl: string;
  readonly keyVaultUrl: string;
  /** What `IDENTITY_ENDPOINT` is to be. */
  readonly managedIdentityUrl: string;
  /** What `IDENTITY_HEADER` is to be. */
  readonly managedIdentityHeader: string;
  readonly controlUrl: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly tenantId: string;
  readonly secondTenantId: string;
  /** Client id of the API's registration: `aud` of its tokens. */
  readonly apiAudience: string;
  readonly acsResourceId: string;
  /** The primary key as it is now. */
  readonly acsAccessKey: string;
  /** All ACS resources as they are now; the first one is `acsUrl`'s. */
  readonly acsResources: readonly AcsResourceAddress[];
  readonly control: ControlClient;
  stop(): Promise<void>;
}

const acsResourceIds = {
  main: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001',
  second: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50002',
} as const;

/**
 * Starts fake Entra ID, ACS, Key Vault and managed identity services. Not for production.
 *
 * @throws when `host` isn't loopback and `allowRemote` isn't set, or a port is taken.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const host = options.host ?? '127.0.0.1';
  if (!isLoopback(host) && options.allowRemote !== true) {
    throw new Error(
      `the emulator listens on loopback only; to open it on ${host} allow remote callers`,
    );
  }
  const publicHost = options.publicHost ?? advertised(host);
  const folder = new StateFolder(options.directory);
  const kept = options.persist === true ? folder : undefined;
  const { signingKeyBits = 2048, ...acsChange } = options.acs ?? {};
  const given = Object.entries(acsSettingsChangeSchema.parse(acsChange));
  const initialSettings = { ...defaultAcsSettings, ...Object.fromEntries(given) };
  const acsSettings = { current: initialSettings, initial: initialSettings };
  const acsIdentities = new AcsIdentities(kept);
  const [identity, signingKeys, acsTokens] = await Promise.all([
    serverIdentity(folder, [host, publicHost].filter(isNamed)),
    SigningKeys.load(kept),
    AcsTokens.load(acsIdentities, kept, signingKeyBits),
  ]);

  const faults = new Faults();
  const journal = new Journal();
  const urls = { entra: '', keyVault: '', control: '' };
  const acsUrls = new Map<string, string>();
  const entra = new Entra(signingKeys, () => urls.entra);
  const acsResources = Object.entries(acsResourceIds).map(
    ([name, id]) => new AcsResource(name, id, kept),
  );
  const secrets = new VaultSecrets(kept);
  const keyVault = new KeyVault({
    secrets,
    tokens: entra.tokens,
    url: () => urls.keyVault,
    authorityUrl: () => urls.entra,
  });
  const managedIdentityHeader = randomBytes(32).toString('hex');
  const connectionString = (resource: AcsResource): string =>
    `endpoint=${acsUrls.get(resource.name) ?? ''}/;accesskey=${resource.accessKey()}`;

  const servers: ServiceServer[] = [];
  const tls = { key: identity.key, cert: identity.certificate };
  const redirectTo = (): string => `${urls.control}/redirected`;
  const start = async (
    service: ServiceName,
    port: number | undefined,
    serverOptions: Pick<ServiceServerOptions, 'routes' | 'headersFor' | 'isJournaled'>,
  ): Promise<string> => {
    const isPlain = service === 'control' || service === 'managed-identity';
    const server = new ServiceServer({
      service,
      faults,
      journal,
      redirectTo,
      ...(isPlain ? {} : { tls }),
      ...serverOptions,
    });
    servers.push(server);
    const bound = await server.listen(isPlain ? '127.0.0.1' : host, port ?? 0);
    return isPlain ? `http://127.0.0.1:${bound}` : `https://${inUrl(publicHost)}:${bound}`;
  };

  try {
    const { ports = {} } = options;
    urls.entra = await start('entra', ports.entra, { routes: entra.routes() });
    urls.keyVault = await start('key-vault', ports.keyVault, {
      routes: keyVault.routes(),
      headersFor: (request) => KeyVault.headersFor(request),
    });
    for (const resource of acsResources) {
      const acs = new Acs({
        resource,
        identities: acsIdentities,
        tokens: acsTokens,
        entraTokens: entra.tokens,
        settings: () => acsSettings.current,
        isOwnHost: (name) => isOwnHost(name, acsUrls.get(resource.name) ?? ''),
      });
      const port = resource.name === 'main' ? ports.acs : ports.acsSecond;
      const url = await start('acs', port, {
        routes: acs.routes(),
        headersFor: (request, startedAtMs) => Acs.headersFor(request, startedAtMs),
      });
      acsUrls.set(resource.name, url);
      secrets.ensure(secretNameOf(resource), connectionString(resource));
    }
    const managedIdentity = new ManagedIdentity(entra, managedIdentityHeader);
    const managedIdentityUrl = await start('managed-identity', ports.managedIdentity, {
      routes: managedIdentity.routes(),
    });
    const control = new Control({
      ...{ entra, faults, journal, acsResources, acsIdentities, acsTokens, acsSettings },
      ...{ connectionString, keyVault, secrets },
    });
    urls.control = await start('control', ports.control, {
      routes: control.routes(),
      isJournaled: (operation) => operation === 'redirected',
    });
    // 32 bytes each: HMAC key, Ed25519 seed, AES-256 key.
    for (const name of ['audit-fingerprint-key', 'audit-signing-key', 'token-cache-key']) {
      secrets.ensurePresent(name, () => randomBytes(32).toString('base64'));
    }
    for (const [name, value] of Object.entries(options.secrets ?? {})) secrets.ensure(name, value);
    const describeResource = (resource: AcsResource): AcsResourceAddress => ({
      name: resource.name,
      url: acsUrls.get(resource.name) ?? '',
      resourceId: resource.id,
      accessKey: resource.accessKey(),
      connectionString: connectionString(resource),
      secretName: secretNameOf(resource),
    });
    return {
      entraUrl: urls.entra,
      acsUrl: acsUrls.get('main') ?? '',
      keyVaultUrl: urls.keyVault,
      managedIdentityUrl: `${managedIdentityUrl}/msi/token`,
      managedIdentityHeader,
      controlUrl: urls.control,
      caFile: identity.caFile,
      caPem: identity.caPem,
      tenantId: sampleTenants.home.id,
      secondTenantId: sampleTenants.second.id,
      apiAudience: sampleResources.api.clientId,
      acsResourceId: acsResourceIds.main,
      get acsAccessKey() {
        return acsResources[0]?.accessKey() ?? '';
      },
      get acsResources() {
        return acsResources.map(describeResource);
      },
      control: new ControlClient(urls.control),
      stop: async () => stopAll(servers),
    };
  } catch (error) {
    await stopAll(servers);
    throw error;
  }
}

async function stopAll(servers: readonly ServiceServer[]): Promise<void> {
  await Promise.all(servers.map(async (server) => server.stop()));
}

function secretNameOf(resource: AcsResource): string {
  return resource.name === 'main'
    ? 'acs-connection-string'
    : `acs-connection-string-${resource.name}`;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** A wildcard address is no name that a client could call. */
function isNamed(host: string): boolean {
  return host !== '0.0.0.0' && host !== '::';
}

function advertised(host: string): string {
  return isNamed(host) ? host : 'localhost';
}

function inUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

/** The signed host must be this server under its public name or one of loopback's. */
function isOwnHost(host: string, url: string): boolean {
  if (url === '') return false;
  const own = new URL(url);
  return [own.hostname, 'localhost', '127.0.0.1', '[::1]'].some(
    (name) => host === `${name}:${own.port}`,
  );
}
