import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Clock, Database, DatabaseModule, Logger, ReadinessChecks } from '#libs/platform';
import { AzureCredential, SecretsModule, SecretStore } from '#libs/secrets';
import { AcsClients } from './acs/acs-clients.js';
import { AcsCommunicationIdentityGateway } from './acs/acs-communication-identity-gateway.js';
import { WindowStore } from '#libs/request-budget';
import { BudgetMetrics } from '#libs/request-budget';
import { CommunicationIdentityGateway } from './communication-identity-gateway.js';
import { CommunicationResources } from './resources/communication-resources.js';
import { communicationServicesSettings, type CommunicationServicesSettings } from './settings.js';
import { GatewayMetrics } from './acs/metrics.js';
import { PostgresWindowStore } from '#libs/request-budget';
import { RequestBudget } from '#libs/request-budget';
import { SharedRequestBudget } from '#libs/request-budget';

/** The way to Azure Communication Services. */
@Module({
  imports: [DatabaseModule, SecretsModule],
  providers: [
    {
      provide: CommunicationResources,
      inject: [communicationServicesSettings.key],
      useFactory: ({ resources }: CommunicationServicesSettings) => resources,
    },
    {
      provide: WindowStore,
      inject: [Database],
      useFactory: (database: Database) => new PostgresWindowStore(database),
    },
    {
      provide: RequestBudget,
      inject: [WindowStore, communicationServicesSettings.key, Clock, Logger, Registry],
      useFactory: (
        ledgers: WindowStore,
        { budget, timeoutMs }: CommunicationServicesSettings,
        clock: Clock,
        logger: Logger,
        registry: Registry,
      ) =>
        new SharedRequestBudget(
          ledgers,
          { ...budget, timeoutMs },
          { clock, logger, metrics: new BudgetMetrics(registry) },
        ),
    },
    {
      provide: AcsClients,
      inject: [communicationServicesSettings.key, SecretStore, AzureCredential],
      useFactory: (
        settings: CommunicationServicesSettings,
        secrets: SecretStore,
        azureCredential: AzureCredential,
      ) => new AcsClients(settings, secrets, azureCredential),
    },
    {
      provide: CommunicationIdentityGateway,
      inject: [
        communicationServicesSettings.key,
        AcsClients,
        RequestBudget,
        Clock,
        Logger,
        Registry,
      ],
      useFactory: (
        { resources, timeoutMs }: CommunicationServicesSettings,
        clients: AcsClients,
        budget: RequestBudget,
        clock: Clock,
        logger: Logger,
        registry: Registry,
      ) =>
        new AcsCommunicationIdentityGateway(resources, clients, budget, {
          timeoutMs,
          clock,
          logger,
          metrics: new GatewayMetrics(registry),
        }),
    },
  ],
  exports: [CommunicationIdentityGateway, CommunicationResources, SecretsModule],
})
export class CommunicationServicesModule implements OnApplicationBootstrap {
  constructor(
    @Inject(CommunicationResources) private readonly resources: CommunicationResources,
    @Inject(AcsClients) private readonly clients: AcsClients,
    private readonly readiness: ReadinessChecks,
  ) {}

  /** ACS itself is not asked: a check must cost nothing of the request budget. */
  onApplicationBootstrap(): void {
    this.readiness.register('secrets', async () => {
      for (const name of this.resources.names()) await this.clients.of(this.resources.find(name));
      return { isReady: true };
    });
  }
}
