import { type DynamicModule, Module, type Type } from '@nestjs/common';
import {
  AuditHealthModule,
  AuditModule,
  auditSettings,
  AuditTrail,
  AuditWitnessesModule,
  auditWitnessSettings,
  NewestEntries,
  TokenFingerprints,
} from '#libs/audit';
import { AuditDeliveryModule, auditDeliverySettings, AuditSinksModule } from '#libs/audit-delivery';
import {
  CommunicationIdentityGateway,
  CommunicationServicesModule,
  communicationServicesSettings,
} from '#libs/communication-services';
import { IdentityMappingModule, identityMappingSettings } from '#libs/identity-mapping';
import {
  Clock,
  DatabaseCredential,
  DatabaseModule,
  databaseSettings,
  Logger,
  PlatformModule,
  platformSettings,
  type Settings,
  SettingsModule,
  TelemetryModule,
} from '#libs/platform';
import { RequestBudget, WindowStore } from '#libs/request-budget';
import { AzureCredential, SecretStore, SecretVersionsModule } from '#libs/secrets';
import { TeamsPhoneModule } from '#libs/teams-phone';
import { TokenIssuanceModule } from '#libs/token-issuance';
import { VisitorRevocationModule, VisitorsModule } from '#libs/visitors';
import type { Adapter, Port } from './adapters.js';
import { chooseAdapters, type Replacement } from './choose-adapters.js';
import { ConfigurationAuditor } from './configuration-auditor.js';
import { cloudRule } from './cloud-rule.js';
import { leaseRule } from './lease-rule.js';
import { ResourceReadiness } from './resource-readiness.js';
import { SchemaReadiness } from './schema-readiness.js';
import { EnvironmentRemarks } from './environment-remarks.js';
import {
  checkService,
  COMMAND_LINE_VARIABLES,
  type Environment,
  settingsOver,
  withTrials,
} from './settings.js';

/** How a host's service differs from the default one. */
export interface CompositionOptions {
  /** Adapters or providers that take the place of the default ones. */
  readonly replace?: readonly Replacement[];
}

/** Some of the service's modules, for a command that needs no more. */
export interface ServicePart {
  readonly modules: readonly Type[];
  readonly settings: readonly Settings[];
  /** The ports that the modules use. */
  readonly ports: readonly Port[];
}

const auditPorts = [
  Clock,
  Logger,
  AzureCredential,
  DatabaseCredential,
  SecretStore,
  AuditTrail,
  TokenFingerprints,
];

/** Reading, exporting and pruning the audit log. */
export const auditPart: ServicePart = {
  modules: [AuditModule],
  settings: [platformSettings, databaseSettings, auditSettings],
  ports: auditPorts,
};

/** The sinks of the audit log and their state. */
export const sinksPart: ServicePart = {
  modules: [AuditSinksModule],
  settings: [...auditPart.settings, auditDeliverySettings],
  ports: auditPorts,
};

/** How the audit log, its sinks and its witnesses do. */
export const healthPart: ServicePart = {
  modules: [AuditModule, AuditHealthModule, AuditSinksModule],
  settings: [...sinksPart.settings, auditWitnessSettings],
  ports: auditPorts,
};

/** Administering identities. */
export const identitiesPart: ServicePart = {
  modules: [AuditModule, IdentityMappingModule, VisitorRevocationModule],
  settings: [
    ...auditPart.settings,
    communicationServicesSettings,
    identityMappingSettings,
    leaseRule,
    cloudRule,
  ],
  ports: [...auditPorts, CommunicationIdentityGateway, RequestBudget, WindowStore],
};

/** Comparing Teams Phone assignments with ACS. */
export const teamsPhonePart: ServicePart = {
  ...identitiesPart,
  modules: [AuditModule, TeamsPhoneModule],
};

/** The settings of a service with these options. @throws InvalidReplacement */
export function settingsFor({ replace = [] }: CompositionOptions): readonly Settings[] {
  return settingsOver(adapterSettings(chooseAdapters(replace)));
}

/** The service without HTTP: every host composes it, or a part of it, through this module. */
@Module({})
export class ServiceModule {
  /**
   * The whole service.
   *
   * @throws InvalidSettings listing every fault of the environment
   * @throws InvalidReplacement
   */
  static forRoot(
    environment: Environment,
    { replace = [] }: CompositionOptions = {},
  ): DynamicModule {
    const chosen = chooseAdapters(replace);
    const settings = settingsOver(adapterSettings(chosen));
    const check = checkService(settings, environment);
    const { imports, ...rest } = compose(chosen, SettingsModule.forCheck(settings, check));
    return {
      ...rest,
      imports: [
        ...imports,
        TelemetryModule,
        DatabaseModule,
        AuditModule,
        AuditWitnessesModule,
        AuditDeliveryModule,
        CommunicationServicesModule,
        IdentityMappingModule,
        TeamsPhoneModule,
        TokenIssuanceModule,
        VisitorsModule,
        SecretVersionsModule,
      ],
      providers: [
        SchemaReadiness,
        ResourceReadiness,
        {
          provide: EnvironmentRemarks,
          inject: [Logger],
          useFactory: async (logger: Logger) =>
            new EnvironmentRemarks((await withTrials(check)).remarks, logger),
        },
        {
          provide: ConfigurationAuditor,
          inject: [AuditTrail, NewestEntries, Clock, Logger],
          useFactory: (trail: AuditTrail, entries: NewestEntries, clock: Clock, logger: Logger) =>
            new ConfigurationAuditor(check.variables, { settings, trail, entries, clock, logger }),
        },
      ],
    };
  }

  /**
   * Some of its modules. Variables of the others may be set and are ignored.
   *
   * @throws InvalidSettings listing every fault of the variables that the part reads
   * @throws InvalidReplacement
   */
  static forPart(
    part: ServicePart,
    environment: Environment,
    { replace = [] }: CompositionOptions = {},
  ): DynamicModule {
    const chosen = chooseAdapters(replace).filter(({ ports }) =>
      ports.some((port) => part.ports.includes(port)),
    );
    const settings = [...part.settings, ...adapterSettings(chosen)];
    const { imports, ...rest } = compose(
      chosen,
      SettingsModule.forRoot(settings, environment, [
        ...namesOf(settingsOver(adapterSettings(chosen))),
        ...COMMAND_LINE_VARIABLES,
      ]),
    );
    return { ...rest, imports: [...imports, ...part.modules] };
  }
}

function compose(
  chosen: readonly Adapter[],
  settings: DynamicModule,
): { readonly module: Type; readonly imports: NonNullable<DynamicModule['imports']> } {
  return {
    module: ServiceModule,
    imports: [settings, PlatformModule, ...chosen.flatMap(({ modules }) => modules)],
  };
}

function adapterSettings(chosen: readonly Adapter[]): readonly Settings[] {
  return chosen.flatMap(({ settings = [] }) => settings);
}

function namesOf(settings: readonly Settings[]): readonly string[] {
  return settings.flatMap(({ variables }) => variables.map(({ name }) => name));
}
