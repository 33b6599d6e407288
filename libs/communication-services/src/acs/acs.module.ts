import { Global, Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { Registry } from 'prom-client';
import {
  Clock,
  explain,
  Logger,
  OutboundHttp,
  type ReadinessAnswer,
  ReadinessChecks,
} from '#libs/platform';
import { RequestBudget } from '#libs/request-budget';
import { AzureCredential, SecretStore } from '#libs/secrets';
import { CommunicationIdentityGateway } from '../communication-identity-gateway.js';
import { CommunicationServicesModule } from '../communication-services.module.js';
import { CommunicationResources } from '../resources/communication-resources.js';
import { communicationServicesSettings, type CommunicationServicesSettings } from '../settings.js';
import { AcsClients } from './acs-clients.js';
import { AcsCommunicationIdentityGateway } from './acs-communication-identity-gateway.js';
import { CredentialRefusals } from './credential-refusals.js';
import { GatewayMetrics } from './metrics.js';

/** Binds `CommunicationIdentityGateway` to Azure Communication Services. */
@Global()
@Module({
  imports: [CommunicationServicesModule],
  providers: [
    {
      provide: CredentialRefusals,
      inject: [Clock],
      useFactory: (clock: Clock) => new CredentialRefusals(clock),
    },
    {
      provide: AcsClients,
      inject: [communicationServicesSettings.key, SecretStore, AzureCredential, OutboundHttp],
      useFactory: (
        settings: CommunicationServicesSettings,
        secrets: SecretStore,
        azureCredential: AzureCredential,
        outbound: OutboundHttp,
      ) => new AcsClients(settings, secrets, azureCredential, outbound),
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
        CredentialRefusals,
      ],
      useFactory: (
        { resources, timeoutMs, connections }: CommunicationServicesSettings,
        clients: AcsClients,
        budget: RequestBudget,
        clock: Clock,
        logger: Logger,
        registry: Registry,
        refusals: CredentialRefusals,
      ) =>
        new AcsCommunicationIdentityGateway(resources, clients, budget, {
          timeoutMs,
          connections,
          clock,
          logger,
          metrics: new GatewayMetrics(registry),
          refusals,
        }),
    },
  ],
  exports: [CommunicationIdentityGateway],
})
export class AcsModule implements OnApplicationBootstrap {
  constructor(
    private readonly resources: CommunicationResources,
    @Inject(AcsClients) private readonly clients: AcsClients,
    @Inject(CredentialRefusals) private readonly refusals: CredentialRefusals,
    private readonly readiness: ReadinessChecks,
  ) {}

  /** Reads the credentials only: a call to ACS would cost request budget. */
  onApplicationBootstrap(): void {
    this.readiness.register('secrets', async () => this.#readiness());
  }

  /** One usable resource suffices: calls for the others get 503. */
  async #readiness(): Promise<ReadinessAnswer> {
    const names = this.resources.names();
    const faults = await Promise.all(names.map(async (name) => this.#faultOf(name)));
    const found = faults.filter((fault) => fault !== undefined);
    if (found.length === 0) return { isReady: true };
    const reason = found.join('; ');
    return found.length === names.length
      ? { isReady: false, reason }
      : { isReady: true, degradation: reason };
  }

  /** @returns why the resource can't be called now; `undefined` when nothing is known against it */
  async #faultOf(name: string): Promise<string | undefined> {
    try {
      const { secretVersion } = await this.clients.of(this.resources.find(name));
      const refusal = this.refusals.of(name, secretVersion);
      return refusal && `resource ${name}: ${refusal}`;
    } catch (error) {
      return `resource ${name}: ${explain(error)}`;
    }
  }
}
