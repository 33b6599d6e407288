import { Registry } from 'prom-client';
import {
  auditSettings,
  type AuditSettings,
  AuditTrail,
  auditWitnessSettings,
  examineLogKeys,
  TokenFingerprints,
} from '#libs/audit';
import {
  auditDeliverySettings,
  type AuditDeliverySettings,
  ConfiguredSinks,
  receiverAddress,
} from '#libs/audit-delivery';
import {
  authenticationSettings,
  Authenticator,
  BearerAuthenticator,
  createTokenVerifiers,
  HttpsMetadataSource,
  MetadataSource,
} from '#libs/authentication';
import {
  AcsClients,
  CommunicationIdentityGateway,
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import {
  type ConsoleProvider,
  consoleSettings,
  httpSettings,
  type Port,
  type ServiceCheck,
} from '#libs/composition';
import {
  type Clock,
  DatabaseCredential,
  databaseSettings,
  OutboundHttp,
  platformSettings,
  type Settings,
  type SettingsOf,
  telemetrySettings,
} from '#libs/platform';
import {
  assertKeyLength,
  AzureCredential,
  azureCredentialSettings,
  databaseCredentialSettings,
  keyVaultEventsSettings,
  KeyVaultReader,
  KeyVaultSecretStore,
  keyVaultSettings,
  type KeyVaultSettings,
  SdkAzureCredential,
  SecretAccessEvents,
  SecretStore,
  SettingsDatabaseCredential,
} from '#libs/secrets';
import {
  examineCacheKey,
  TokenCache,
  tokenIssuanceSettings,
  type TokenIssuanceSettings,
} from '#libs/token-issuance';
import { visitorSettings } from '#libs/visitors';
import { acsCheck } from './checks/acs.js';
import { configurationCheck } from './checks/configuration.js';
import { consoleCheck, discoveryUrlOf } from './checks/console.js';
import { ExaminedDatabase } from './checks/database-connection.js';
import { databaseChecks } from './checks/database-content.js';
import { hostCheck } from './checks/host.js';
import { identityProvidersCheck, KeyProblems } from './checks/identity-providers.js';
import { examineFingerprintKey, type ExaminedSecret, secretsCheck } from './checks/secrets.js';
import { sinkReceiverChecks, sinksCheck } from './checks/sinks.js';
import { tokenCheck } from './checks/token.js';
import { Endpoints } from './endpoints.js';
import {
  type Check,
  type CheckResult,
  runChecks,
  type RunOptions,
  skippedCheck,
} from './run-checks.js';

export interface ExamineOptions extends RunOptions {
  readonly clock: Clock;
  /** File with an access token. */
  readonly tokenFile?: string | undefined;
  /** The ports that the host has replaced: what their adapters depend on is not known here. */
  readonly replaced?: readonly Port[];
}

const DEFAULT_TOLERANCE_MS = 5_000;

/**
 * Examines the configuration and everything that the service depends on. Writes nothing that stays: not to the
 * database, not to ACS, not to a file. What has no valid settings, or an adapter of the host, is skipped and says so.
 */
export async function examine(
  check: ServiceCheck,
  options: ExamineOptions,
): Promise<readonly CheckResult[]> {
  const examination = new Examination(check, options);
  try {
    return await runChecks(examination.checks(), options);
  } finally {
    await examination.close();
  }
}

/** The parts of the service that the checks use, made of its settings. */
class Examination {
  readonly #outbound: OutboundHttp;
  readonly #azure: AzureCredential | undefined;
  readonly #secrets: SecretStore | undefined;
  readonly #database: ExaminedDatabase | undefined;
  readonly #endpoints: Endpoints;
  readonly #problems = new KeyProblems();
  readonly #verifiers: ReturnType<typeof createTokenVerifiers> | undefined;
  #clients: AcsClients | undefined;

  constructor(
    private readonly service: ServiceCheck,
    private readonly options: ExamineOptions,
  ) {
    const { clock } = options;
    const platform = this.#settings(platformSettings);
    this.#outbound = new OutboundHttp(platform?.proxies);
    const azure = this.#settings(azureCredentialSettings);
    this.#azure = azure && new SdkAzureCredential(azure, this.#outbound);
    this.#secrets = this.#secretStore();
    this.#database = this.#examinedDatabase();
    const authentication = this.#settings(authenticationSettings);
    this.#verifiers =
      authentication &&
      createTokenVerifiers(authentication, {
        source: new HttpsMetadataSource(this.#outbound.dispatcher(authentication.keys)),
        clock,
        logger: this.#problems,
      });
    this.#endpoints = new Endpoints(this.#origins(), {
      outbound: this.#outbound,
      clock,
      toleranceMs: this.#audit?.clockToleranceMs ?? DEFAULT_TOLERANCE_MS,
    });
  }

  checks(): Check[] {
    return [
      configurationCheck(this.service),
      ...this.#hostChecks(),
      ...this.#databaseChecks(),
      ...this.#sinkChecks(),
      ...this.#endpoints.checks(),
      ...this.#secretChecks(),
      ...this.#issuerChecks(),
      ...this.#consoleChecks(),
      ...this.#acsChecks(),
      ...this.#tokenChecks(),
      ...this.#replacedPorts(),
    ];
  }

  async close(): Promise<void> {
    await Promise.all([
      this.#database?.close(),
      this.#clients?.close(),
      this.#outbound.onApplicationShutdown(),
    ]);
  }

  /** @returns `undefined` when the settings are not valid, or a host has replaced the adapter that reads them */
  #settings<S extends Settings>({ key }: S): SettingsOf<S> | undefined {
    return this.service.values.get(key) as SettingsOf<S> | undefined; // its schema made the value with this key
  }

  /** Every adapter of the host, so that none passes for examined. */
  #replacedPorts(): Check[] {
    return this.#replaced.map(({ name }) =>
      skippedCheck(`port ${name}`, 'this host has an adapter of its own, which is not examined'),
    );
  }

  get #replaced(): readonly Port[] {
    return this.options.replaced ?? [];
  }

  /**
   * @param ports that a check works through
   * @returns why it can not be made, if a host has replaced one of them or settings are not valid
   */
  #obstacle(ports: readonly Port[], settings: unknown): string | undefined {
    const names = ports.filter((port) => this.#replaced.includes(port)).map(({ name }) => name);
    if (names.length > 0) return `this host has its own ${names.join(', ')}`;
    return settings === undefined ? 'its settings are not valid' : undefined;
  }

  get #audit(): AuditSettings | undefined {
    return this.#settings(auditSettings);
  }

  get #keyVault(): KeyVaultSettings | undefined {
    return this.#settings(keyVaultSettings);
  }

  get #acs(): CommunicationServicesSettings | undefined {
    return this.#settings(communicationServicesSettings);
  }

  get #issuance(): TokenIssuanceSettings | undefined {
    return this.#settings(tokenIssuanceSettings);
  }

  /** Its reads are not recorded in the audit log: nothing is written. */
  #secretStore(): SecretStore | undefined {
    const { clock } = this.options;
    const keyVault = this.#keyVault;
    if (!keyVault || !this.#azure) return undefined;
    const reader = new KeyVaultReader(keyVault, this.#azure, this.#outbound, clock, new Registry());
    return new KeyVaultSecretStore(
      reader,
      keyVault,
      clock,
      this.#problems,
      new SecretAccessEvents(),
    );
  }

  #examinedDatabase(): ExaminedDatabase | undefined {
    const settings = this.#settings(databaseSettings);
    const credential = this.#settings(databaseCredentialSettings);
    if (!settings || !credential || !this.#azure) return undefined;
    return new ExaminedDatabase({
      settings,
      credential: new SettingsDatabaseCredential(
        credential,
        this.#azure,
        this.#secrets,
        this.#problems,
      ).source,
      clock: this.options.clock,
    });
  }

  /** Each server once. */
  #origins(): readonly string[] {
    const { resources } = this.#acs ?? {};
    const azure = this.#settings(azureCredentialSettings);
    const addresses = [
      ...(this.#verifiers ?? []).flatMap(({ jwks }) =>
        jwks.map(({ discoveryUrl }) => discoveryUrl),
      ),
      ...this.#consoleProviders().map(discoveryUrlOf),
      ...(azure ? [azure.authorityHost] : []),
      ...(this.#keyVault ? [this.#keyVault.vaultUrl] : []),
      ...(resources?.names().map((name) => resources.find(name).endpoint) ?? []),
      ...this.#receivers(),
    ];
    return [...new Set(addresses.map((address) => new URL(address).origin))];
  }

  /** Servers that get what the service has done: sinks, witnesses and collectors. */
  #receivers(): readonly string[] {
    const telemetry = this.#settings(telemetrySettings);
    const addresses = [
      ...(this.#settings(auditDeliverySettings)?.sinks ?? []).map(receiverAddress),
      ...(this.#settings(auditWitnessSettings)?.policy?.witnesses ?? []).map(({ url }) => url),
      ...[telemetry?.tracesUrl, telemetry?.metricsUrl],
    ];
    return addresses.filter((address) => address !== undefined);
  }

  #hostChecks(): Check[] {
    const http = this.#settings(httpSettings);
    return http ? [hostCheck(http)] : [];
  }

  #databaseChecks(): Check[] {
    const ports = [AzureCredential, DatabaseCredential];
    const obstacle = this.#obstacle(ports, this.#database);
    if (!this.#database || obstacle !== undefined) return [skippedCheck('database', obstacle)];
    return databaseChecks({
      examined: this.#database,
      clock: this.options.clock,
      logger: this.#problems,
      audit: this.#audit,
      secrets: this.#secrets,
      logObstacle: this.#obstacle([AuditTrail, SecretStore], this.#audit && this.#secrets),
      resources: this.#acs?.resources.names(),
    });
  }

  #sinkChecks(): Check[] {
    const delivery = this.#settings(auditDeliverySettings);
    if (delivery?.sinks.length === 0) return [];
    const ports = [AzureCredential, DatabaseCredential];
    const obstacle = this.#obstacle(ports, delivery && this.#database);
    const isPossible = this.#database && delivery && obstacle === undefined;
    return [
      isPossible
        ? sinksCheck(delivery, this.#database)
        : skippedCheck('sinks of the audit log', obstacle),
      ...(delivery ? this.#sinkReceiverChecks(delivery) : []),
    ];
  }

  #sinkReceiverChecks(delivery: AuditDeliverySettings): Check[] {
    const audit = this.#audit;
    const azure = this.#azure;
    const secrets = this.#secrets;
    const vaultUrl = this.#keyVault?.vaultUrl;
    const obstacle = this.#obstacle([AzureCredential, SecretStore], audit && azure && secrets);
    if (!audit || !azure || !secrets || vaultUrl === undefined || obstacle !== undefined)
      return delivery.sinks.map(({ name }) => skippedCheck(`sink ${name}`, obstacle));
    const { clock } = this.options;
    // Nothing is sent, so that there is no checkpoint to be compared.
    const continuation = { faultOf: async () => Promise.resolve(undefined) };
    return sinkReceiverChecks(
      new ConfiguredSinks(delivery, audit, this.#outbound, clock, azure, secrets, continuation),
      async () => this.#endpoints.isReachable(vaultUrl),
    );
  }

  #secretChecks(): Check[] {
    const keyVault = this.#keyVault;
    const secrets = this.#secrets;
    const obstacle = this.#obstacle([SecretStore, AzureCredential], keyVault && secrets);
    if (!keyVault || !secrets || obstacle !== undefined) return [skippedCheck('secrets', obstacle)];
    return [
      secretsCheck({
        secrets,
        examined: this.#examinedSecrets(secrets),
        vaultUrl: keyVault.vaultUrl,
        clock: this.options.clock,
        isReachable: async () => this.#endpoints.isReachable(keyVault.vaultUrl),
      }),
    ];
  }

  #examinedSecrets(secrets: SecretStore): ExaminedSecret[] {
    const audit = this.#audit;
    const issuance = this.#issuance;
    const { resources } = this.#acs ?? {};
    const credentials = (resources?.names() ?? []).flatMap((name) => {
      const resource = resources?.find(name);
      const secret = resource?.credentialSecret;
      if (resource === undefined || secret === undefined) return [];
      return [{ name: secret, examine: async () => this.#acsClients(secrets)?.of(resource) }];
    });
    const examined: ExaminedSecret[] = [...credentials, ...this.#databasePassword(secrets)];
    if (audit) {
      for (const name of audit.signingKeySecrets) {
        const settings = { ...audit, signingKeySecrets: [name] };
        examined.push({ name, examine: async () => examineLogKeys({ secrets, settings }) });
      }
      const name = audit.fingerprintKeySecret;
      if (!this.#replaced.includes(TokenFingerprints))
        examined.push({ name, examine: async () => examineFingerprintKey(secrets, name) });
    }
    if (issuance?.policy.initial.hasReuse && !this.#replaced.includes(TokenCache)) {
      const name = issuance.cacheKeySecret;
      examined.push({ name, examine: async () => examineCacheKey(secrets, issuance) });
    }
    const events = this.#settings(keyVaultEventsSettings);
    const keys = [
      this.#settings(visitorSettings)?.keySecret,
      events?.access === 'key' ? events.keySecret : undefined,
    ].filter((name) => name !== undefined);
    for (const name of keys)
      examined.push({
        name,
        examine: async () => {
          assertKeyLength(await secrets.read(name));
        },
      });
    return examined;
  }

  #databasePassword(secrets: SecretStore): ExaminedSecret[] {
    const name = this.#settings(databaseCredentialSettings)?.passwordSecret;
    if (name === undefined) return [];
    return [{ name, examine: async () => secrets.read(name) }];
  }

  #acsClients(secrets: SecretStore): AcsClients | undefined {
    const acs = this.#acs;
    if (!acs || !this.#azure) return undefined;
    this.#clients ??= new AcsClients(acs, secrets, this.#azure, this.#outbound);
    return this.#clients;
  }

  #issuerChecks(): Check[] {
    const obstacle = this.#obstacle([Authenticator, MetadataSource], this.#verifiers);
    if (!this.#verifiers || obstacle !== undefined)
      return [skippedCheck('identity providers', obstacle)];
    return [
      identityProvidersCheck({
        verifiers: this.#verifiers,
        problems: this.#problems,
        isReachable: async (url) => this.#endpoints.isReachable(url),
      }),
    ];
  }

  #consoleProviders(): readonly ConsoleProvider[] {
    const console = this.#settings(consoleSettings);
    return console?.isEnabled ? console.providers : [];
  }

  #consoleChecks(): Check[] {
    const fetch = this.#outbound.fetch({ timeoutMs: this.options.timeoutMs });
    return this.#consoleProviders().map((provider) =>
      consoleCheck({
        provider,
        authentication: this.#settings(authenticationSettings),
        fetch,
        isReachable: async () => this.#endpoints.isReachable(discoveryUrlOf(provider)),
      }),
    );
  }

  #acsChecks(): Check[] {
    const { resources } = this.#acs ?? {};
    const clients = this.#secrets && this.#acsClients(this.#secrets);
    const ports = [CommunicationIdentityGateway, SecretStore, AzureCredential];
    const obstacle = this.#obstacle(ports, resources && clients);
    if (!resources || !clients || obstacle !== undefined) {
      const names = resources?.names().map((name) => `acs resource ${name}`) ?? ['acs resources'];
      return names.map((name) => skippedCheck(name, obstacle));
    }
    return resources.names().map((name) => {
      const resource = resources.find(name);
      return acsCheck({
        resource,
        clients,
        examined: this.#database,
        isReachable: async () => this.#endpoints.isReachable(resource.endpoint),
      });
    });
  }

  #tokenChecks(): Check[] {
    const { tokenFile: path } = this.options;
    if (path === undefined) return [];
    const obstacle = this.#obstacle([Authenticator, MetadataSource], path);
    if (obstacle !== undefined) return [skippedCheck('token', obstacle)];
    const hasVerifiers = this.#verifiers !== undefined && this.#verifiers.length > 0;
    return [
      tokenCheck({
        path,
        authenticator: hasVerifiers ? new BearerAuthenticator(this.#verifiers) : undefined,
        policy: this.#issuance?.policy.initial,
      }),
    ];
  }
}
