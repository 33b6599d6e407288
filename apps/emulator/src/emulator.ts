import { randomBytes } from 'node:crypto';
import { Acs } from './acs/acs.js';
import { AcsTokens } from './acs/acs-tokens.js';
import { AcsAssignments } from './acs/assignments.js';
import { AcsIdentities } from './acs/identities.js';
import { AcsResource } from './acs/resource.js';
import {
  type AcsSettingsChange,
  acsSettingsChangeSchema,
  DEFAULT_ACS_SETTINGS,
} from './acs/settings.js';
import { Control } from './control/control.js';
import { ControlClient } from './control/control-client.js';
import { Entra } from './entra/entra.js';
import { SigningKeys } from './entra/signing-keys.js';
import { Faults } from './faults.js';
import { Graph } from './graph/graph.js';
import type { EmulatorKeys } from './keys.js';
import { isHostOf, isLoopback, isWildcard, urlHost } from './host-names.js';
import { Journal, type ServiceName } from './journal.js';
import { KeyVault } from './key-vault/key-vault.js';
import { VaultSecrets } from './key-vault/secrets.js';
import { ManagedIdentity } from './managed-identity/managed-identity.js';
import { SAMPLE_RESOURCES, SAMPLE_TENANTS } from './fixtures/seed-directory.js';
import { ServiceServer, type ServiceServerOptions } from './service-server.js';
import { StateFolder } from './state-folder.js';
import { serverIdentity } from './tls/local-ca.js';

/** The options of `startEmulator`. */
export interface EmulatorOptions {
  /** Folder of the CA and, with `persist`, of the state. Created if missing, for the owner only. */
  readonly directory: string;
  /** Address of the TLS services. Default 127.0.0.1. */
  readonly host?: string;
  /** Address of Entra ID over plain HTTP, for browsers. Default 127.0.0.1, which its URL names anyway. */
  readonly entraHttpHost?: string;
  /** Required for addresses that other machines can reach. Default false. */
  readonly allowRemote?: boolean;
  /** Host name in URLs and in the certificate. Default `host`. */
  readonly publicHost?: string;
  /** 0, the default, is a free port. */
  readonly ports?: {
    readonly entra?: number;
    readonly entraHttp?: number;
    readonly acs?: number;
    readonly acsSecond?: number;
    readonly keyVault?: number;
    readonly managedIdentity?: number;
    readonly graph?: number;
    readonly control?: number;
  };
  /** Stores identities, secrets and keys between starts. Default false. The CA is always stored. */
  readonly persist?: boolean;
  /** The initial behaviour of ACS. Default: the documented limits, no latency. */
  readonly acs?: AcsSettingsChange & {
    /** Size of the token signing key. 1024 saves CPU in load tests. Default 2048. */
    readonly signingKeyBits?: 1024 | 2048;
  };
  /** Used where none are stored and no `signingKeyBits` is given. Default: new ones, which take CPU time. */
  readonly keys?: EmulatorKeys;
  /** Additional secrets of the vault, by name. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** How to call an emulated ACS resource. */
export interface AcsResourceAddress {
  readonly name: string;
  readonly url: string;
  /** The immutable id: the first GUID in the ids of its identities. */
  readonly resourceId: string;
  readonly accessKey: string;
  readonly connectionString: string;
  /** Name of the Key Vault secret with the connection string. */
  readonly secretName: string;
}

/** A running emulator. URLs have no trailing slash. */
export interface Emulator {
  readonly entraUrl: string;
  /** The same Entra ID over plain HTTP, on loopback only: for browsers, which don't trust the CA. */
  readonly entraHttpUrl: string;
  readonly acsUrl: string;
  readonly keyVaultUrl: string;
  /** Microsoft Graph, without a version. Tokens are for `https://graph.microsoft.com`. */
  readonly graphUrl: string;
  /** The value for `IDENTITY_ENDPOINT`. */
  readonly managedIdentityUrl: string;
  /** The value for `IDENTITY_HEADER`. */
  readonly managedIdentityHeader: string;
  readonly controlUrl: string;
  readonly caFile: string;
  readonly caPem: string;
  readonly tenantId: string;
  readonly secondTenantId: string;
  /** Client id of the API's app registration: the `aud` of its tokens. */
  readonly apiAudience: string;
  readonly acsResourceId: string;
  /** The current primary key of the first ACS resource. */
  readonly acsAccessKey: string;
  /** The ACS resources with their current keys; the first one is that of `acsUrl`. */
  readonly acsResources: readonly AcsResourceAddress[];
  readonly control: ControlClient;
  /** From now on new connections get this certificate. `caPem` and `caFile` stay as they are. */
  setCertificate(certificate: { readonly key: string; readonly cert: string }): void;
  /** Closes the TLS connections that no request uses, as servers do from time to time. */
  endIdleConnections(): void;
  /** Closes all servers and their connections. Safe to repeat. */
  stop(): Promise<void>;
}

const ACS_RESOURCE_IDS = {
  main: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50001',
  second: 'e0a1b2c3-5d6e-4f70-8a91-b2c3d4e50002',
} as const;

/**
 * Starts the emulated Entra ID, ACS, Key Vault, Graph and managed identity services. Not for production.
 *
 * @throws Error when an address is not a loopback address and `allowRemote` is not set.
 * @throws Error with code `EADDRINUSE` when a port is in use.
 */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { host = '127.0.0.1', entraHttpHost = '127.0.0.1' } = options;
  const remote = [host, entraHttpHost].find((address) => !isLoopback(address));
  if (remote !== undefined && options.allowRemote !== true) {
    throw new Error(
      `other machines can reach ${remote}, and the emulator signs in anyone: set --allow-remote (allowRemote) to listen there`,
    );
  }
  const publicHost = options.publicHost ?? (isWildcard(host) ? 'localhost' : host);
  const folder = new StateFolder(options.directory);
  const persistent = options.persist === true ? folder : undefined;
  const { signingKeyBits, ...acsChange } = options.acs ?? {};
  const given = Object.entries(acsSettingsChangeSchema.parse(acsChange));
  const initialSettings = { ...DEFAULT_ACS_SETTINGS, ...Object.fromEntries(given) };
  const acsSettings = { current: initialSettings, initial: initialSettings };
  const acsIdentities = new AcsIdentities(persistent);
  const acsAssignments = new AcsAssignments(persistent);
  const [identity, signingKeys, acsTokens] = await Promise.all([
    serverIdentity(
      folder,
      [host, publicHost].filter((name) => !isWildcard(name)),
    ),
    SigningKeys.load(persistent, options.keys?.entra),
    AcsTokens.load(
      acsIdentities,
      acsAssignments,
      persistent,
      signingKeyBits ?? options.keys?.acs ?? 2048,
    ),
  ]);

  const faults = new Faults();
  const journal = new Journal();
  const urls = { entra: '', entraHttp: '', keyVault: '', graph: '', control: '' };
  const acsUrls = new Map<string, string>();
  const entra = new Entra(signingKeys, () => urls.entra);
  const acsResources = Object.entries(ACS_RESOURCE_IDS).map(
    ([name, id]) => new AcsResource(name, id, persistent),
  );
  const secrets = new VaultSecrets(persistent);
  const keyVault = new KeyVault({
    secrets,
    tokens: entra.tokens,
    url: () => urls.keyVault,
    authorityUrl: () => urls.entra,
  });
  const graph = new Graph({ tokens: entra.tokens, faults, url: () => urls.graph });
  const managedIdentityHeader = randomBytes(32).toString('hex');
  const connectionString = (resource: AcsResource): string =>
    `endpoint=${acsUrls.get(resource.name) ?? ''}/;accesskey=${resource.accessKey()}`;

  const servers: ServiceServer[] = [];
  const tls = { key: identity.key, cert: identity.certificate };
  const redirectTo = (): string => `${urls.control}/redirected`;
  const start = async (
    service: ServiceName,
    port: number | undefined,
    {
      isPlain = false,
      plainHost = '127.0.0.1',
      ...serverOptions
    }: Pick<ServiceServerOptions, 'routes' | 'headersFor' | 'isJournaled'> & {
      /** Plain HTTP, on loopback unless `plainHost` says otherwise. */
      readonly isPlain?: boolean;
      readonly plainHost?: string;
    },
  ): Promise<string> => {
    const server = new ServiceServer({
      service,
      faults,
      journal,
      redirectTo,
      ...(isPlain ? {} : { tls }),
      ...serverOptions,
    });
    servers.push(server);
    const bound = await server.listen(isPlain ? plainHost : host, port ?? 0);
    return isPlain ? `http://127.0.0.1:${bound}` : `https://${urlHost(publicHost)}:${bound}`;
  };

  try {
    const { ports = {} } = options;
    urls.entra = await start('entra', ports.entra, { routes: entra.routes(() => urls.entra) });
    urls.entraHttp = await start('entra', ports.entraHttp, {
      isPlain: true,
      plainHost: entraHttpHost,
      routes: entra.routes(() => urls.entraHttp),
    });
    urls.keyVault = await start('key-vault', ports.keyVault, {
      routes: keyVault.routes(),
      headersFor: (request) => KeyVault.headersFor(request),
    });
    for (const resource of acsResources) {
      const acs = new Acs({
        resource,
        identities: acsIdentities,
        assignments: acsAssignments,
        tokens: acsTokens,
        entraTokens: entra.tokens,
        settings: () => acsSettings.current,
        isOwnHost: (name) => isHostOf(acsUrls.get(resource.name) ?? '', name),
      });
      const port = resource.name === 'main' ? ports.acs : ports.acsSecond;
      const url = await start('acs', port, {
        routes: acs.routes(),
        headersFor: (request, startedAtMs) => Acs.headersFor(request, startedAtMs),
      });
      acsUrls.set(resource.name, url);
      secrets.ensure(secretNameOf(resource), connectionString(resource));
    }
    urls.graph = await start('graph', ports.graph, { routes: graph.routes() });
    const managedIdentity = new ManagedIdentity(entra, managedIdentityHeader);
    const managedIdentityUrl = await start('managed-identity', ports.managedIdentity, {
      isPlain: true,
      routes: managedIdentity.routes(),
    });
    const control = new Control({
      ...{ entra, faults, journal, acsResources, acsIdentities, acsTokens, acsSettings },
      ...{ acsAssignments, connectionString, graph, keyVault, secrets },
    });
    urls.control = await start('control', ports.control, {
      isPlain: true,
      routes: control.routes(),
      isJournaled: (operation) => operation === 'redirected',
    });
    // 32 bytes each: an HMAC key, an Ed25519 seed, an AES-256 key, an HMAC key.
    for (const name of [
      'audit-fingerprint-key',
      'audit-signing-key',
      'token-cache-key',
      'invitation-key',
    ]) {
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
      entraHttpUrl: urls.entraHttp,
      acsUrl: acsUrls.get('main') ?? '',
      keyVaultUrl: urls.keyVault,
      graphUrl: urls.graph,
      managedIdentityUrl: `${managedIdentityUrl}/msi/token`,
      managedIdentityHeader,
      controlUrl: urls.control,
      caFile: identity.caFile,
      caPem: identity.caPem,
      tenantId: SAMPLE_TENANTS.home.id,
      secondTenantId: SAMPLE_TENANTS.second.id,
      apiAudience: SAMPLE_RESOURCES.api.clientId,
      acsResourceId: ACS_RESOURCE_IDS.main,
      get acsAccessKey() {
        return acsResources[0]?.accessKey() ?? '';
      },
      get acsResources() {
        return acsResources.map(describeResource);
      },
      control: new ControlClient(urls.control),
      setCertificate: (certificate) => {
        for (const server of servers) server.setCertificate(certificate);
      },
      endIdleConnections: () => {
        for (const server of servers) server.endIdleConnections();
      },
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
