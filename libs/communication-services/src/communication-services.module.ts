import { Module } from '@nestjs/common';
import { CommunicationResources } from './resources/communication-resources.js';
import { communicationServicesSettings, type CommunicationServicesSettings } from './settings.js';

/** The ACS resources that this service is configured for. `AcsModule` holds the calls to them. */
@Module({
  providers: [
    {
      provide: CommunicationResources,
      inject: [communicationServicesSettings.key],
      useFactory: ({ resources }: CommunicationServicesSettings) => resources,
    },
  ],
  exports: [CommunicationResources],
})
export class CommunicationServicesModule {}
