import type { Abstract, DynamicModule, Type } from '@nestjs/common';
import {
  AuditTrail,
  PostgresAuditTrailModule,
  SecretTokenFingerprintsModule,
  TokenFingerprints,
} from '#libs/audit';
import {
  Authenticator,
  AuthenticatorModule,
  HttpsMetadataSourceModule,
  MetadataSource,
  PostgresRateLimitStoreModule,
  RateLimitStore,
} from '#libs/authentication';
import {
  AcsModule,
  CommunicationIdentityGateway,
  communicationServicesSettings,
  type CommunicationServicesSettings,
} from '#libs/communication-services';
import { IdentityMap, PostgresIdentityMapModule } from '#libs/identity-mapping';
import {
  Clock,
  DatabaseCredential,
  Logger,
  PinoLoggerModule,
  type Settings,
  SystemClockModule,
} from '#libs/platform';
import {
  PostgresWindowStoreModule,
  RequestBudget,
  RequestBudgetModule,
  WindowStore,
} from '#libs/request-budget';
import {
  AzureCredential,
  AzureCredentialModule,
  azureCredentialSettings,
  DatabaseCredentialModule,
  databaseCredentialSettings,
  KeyVaultModule,
  keyVaultSettings,
  SecretStore,
} from '#libs/secrets';
import { AssignmentStore, PostgresAssignmentStoreModule } from '#libs/teams-phone';
import {
  PostgresTokenCacheModule,
  PostgresTokenQuotaModule,
  TokenCache,
  TokenQuota,
} from '#libs/token-issuance';

/** A port is an abstract class that is its own injection token. */
export type Port = Abstract<unknown>;

/** Modules that bind ports to an implementation. */
export interface Adapter {
  /** The ports that the modules provide, export and make global. */
  readonly ports: readonly Port[];
  readonly modules: readonly (Type | DynamicModule)[];
  /** The environment variables that the modules read. */
  readonly settings?: readonly Settings[];
}

/** Where ports meet implementations. A host replaces an entry by its own. */
export const adapters: readonly Adapter[] = [
  { ports: [Clock], modules: [SystemClockModule] },
  { ports: [Logger], modules: [PinoLoggerModule] },
  { ports: [SecretStore], modules: [KeyVaultModule], settings: [keyVaultSettings] },
  {
    ports: [AzureCredential],
    modules: [AzureCredentialModule],
    settings: [azureCredentialSettings],
  },
  {
    ports: [DatabaseCredential],
    modules: [DatabaseCredentialModule],
    settings: [databaseCredentialSettings],
  },
  { ports: [CommunicationIdentityGateway], modules: [AcsModule] },
  {
    ports: [RequestBudget],
    modules: [
      RequestBudgetModule.forRootAsync({
        inject: [communicationServicesSettings.key],
        useFactory: ({ budget, timeoutMs }: CommunicationServicesSettings) => ({
          ...budget,
          timeoutMs,
        }),
      }),
    ],
  },
  { ports: [WindowStore], modules: [PostgresWindowStoreModule] },
  // One PostgreSQL unit: mappings and assignments change in the transaction that appends their entry.
  {
    ports: [AuditTrail, IdentityMap, AssignmentStore],
    modules: [PostgresAuditTrailModule, PostgresIdentityMapModule, PostgresAssignmentStoreModule],
  },
  { ports: [TokenFingerprints], modules: [SecretTokenFingerprintsModule] },
  { ports: [TokenCache], modules: [PostgresTokenCacheModule] },
  { ports: [TokenQuota], modules: [PostgresTokenQuotaModule] },
  { ports: [Authenticator], modules: [AuthenticatorModule] },
  { ports: [MetadataSource], modules: [HttpsMetadataSourceModule] },
  { ports: [RateLimitStore], modules: [PostgresRateLimitStoreModule] },
];
