import { Global, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { Registry } from 'prom-client';
import { Clock, Logger, ReadinessChecks } from '#libs/platform';
import { RequestBudget } from '#libs/request-budget';
import { AzureCredential, SecretStore } from '#libs/secrets';
import { CommunicationIdentityGateway } from '../communication-identity-gateway.js';
import { CommunicationServicesModule } from '../communication-services.module.js';
import { CommunicationResources } from '../resources/communication-resources.js';
import { communicationServicesSettings, type CommunicationServicesSettings } from '../settings.js';
import { AcsClients } from './acs-clients.js';
import { AcsCommunicationIdentityGateway } from './acs-communication-identity-gateway.js';
import { GatewayMetrics } from './metrics.js';

/** Binds `CommunicationIdentityGateway` to Azure Communication Services. */
@Global()
@Module({
  imports: [CommunicationServicesModule],
  providers: [
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
  exports: [CommunicationIdentityGateway],
})
export class AcsModule implements OnApplicationBootstrap {
  constructor(
    private readonly resources: CommunicationResources,
    @Inject(AcsClients) private readonly clients: AcsClients,
    private readonly readiness: ReadinessChecks,
  ) {}

  /** Reads the credentials only: a call to ACS would cost request budget. */
  onApplicationBootstrap(): void {
    this.readiness.register('secrets', async () => {
      for (const name of this.resources.names()) await this.clients.of(this.resources.find(name));
      return { isReady: true };
    });
  }
}
