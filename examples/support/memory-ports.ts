import {
  CommunicationIdentityGateway,
  CommunicationResources,
  CommunicationServicesModule,
} from '#libs/communication-services';
import { MemoryCommunicationIdentityGateway } from '#libs/communication-services/testing';
import type { Adapter, Replacement } from '#libs/composition';
import { Global, Module } from '@nestjs/common';
import { Clock, SystemClock } from '#libs/platform';
import { SecretStore } from '#libs/secrets';
import { MemorySecretStore } from '#libs/secrets/testing';

@Global()
@Module({
  imports: [CommunicationServicesModule],
  providers: [
    {
      provide: CommunicationIdentityGateway,
      inject: [CommunicationResources, Clock],
      useFactory: (resources: CommunicationResources, clock: Clock) =>
        new MemoryCommunicationIdentityGateway(resources, clock),
    },
  ],
  exports: [CommunicationIdentityGateway],
})
class MemoryAcsModule {}

const memoryAcs: Adapter = { ports: [CommunicationIdentityGateway], modules: [MemoryAcsModule] };

/** Key Vault and ACS in memory, so that the examples need nothing but PostgreSQL. */
export function memoryPorts(): Replacement[] {
  const secrets = new MemorySecretStore(new SystemClock(), {
    'audit-signing-key': Buffer.alloc(32, 7).toString('base64'),
    'audit-fingerprint-key': 'the fingerprint key of examples',
  });
  return [{ provide: SecretStore, useValue: secrets }, memoryAcs];
}
